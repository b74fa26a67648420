-- Health of an Agent, as the tree of resources shows it: it counts for no Application, as the operator makes Agents and no manifest does.
local status = obj.status or {}
if status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "the operator has not looked at this generation yet" }
end
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  if condition.status == "True" or condition.type == "Ready" then found[condition.type] = condition end
end
local function health(word, said)
  return { status = word, message = said.reason .. ": " .. said.message }
end
local ready = found.Ready

if found.Stalled then return health("Degraded", found.Stalled) end
-- On its way out.
if ready.reason == "Draining" then return health("Progressing", ready) end
if ready.status == "True" then
  local figures = status.health
  if figures and (figures.state == "Degraded" or figures.state == "Critical") then return health("Degraded", figures) end
  return health("Healthy", ready)
end
-- It sleeps until it is needed: after a scale-down, or in the warm pool.
if not found.Reconciling then return health("Suspended", ready) end
return health("Progressing", ready)
