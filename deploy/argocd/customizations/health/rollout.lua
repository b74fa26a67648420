-- Health of a CanaryRollout or a BlueGreenRollout.
local status = obj.status or {}
if status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "the operator has not looked at this generation yet" }
end
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  if condition.status == "True" or condition.type == "Ready" then found[condition.type] = condition end
end
local function health(word, condition)
  return { status = word, message = condition.reason .. ": " .. condition.message }
end

-- A revision was given up, or another rollout is followed.
if found.Stalled then return health("Degraded", found.Stalled) end
-- It waits until a person says something.
if found.Paused then return health("Suspended", found.Paused) end
if found.Reconciling then return health("Progressing", found.Reconciling) end
if found.Ready.status == "True" then return health("Healthy", found.Ready) end
return health("Progressing", found.Ready)
