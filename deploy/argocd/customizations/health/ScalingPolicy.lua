-- Health of a ScalingPolicy.
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
local ready = found.Ready

if found.Stalled then return health("Degraded", found.Stalled) end
if found.Reconciling then return health("Progressing", found.Reconciling) end
if ready.status ~= "True" then
  -- Without a value of any metric: none has come yet, or none comes any more.
  if ready.reason == "MetricsFailing" then
    for _, metric in ipairs(status.metrics or {}) do
      if metric.state ~= "NoData" then return health("Degraded", ready) end
    end
    return health("Progressing", ready)
  end
  return health("Degraded", ready)
end
if ready.reason == "Paused" then return health("Suspended", ready) end
-- It does its work, and has something to say about it.
if found.ReplicasSetByOthers then return health("Healthy", found.ReplicasSetByOthers) end
if found.MetricsFailing then return health("Healthy", found.MetricsFailing) end
return health("Healthy", ready)
