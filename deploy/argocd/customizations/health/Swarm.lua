-- Health of a Swarm. Argo CD gives scripts no libraries beyond the language itself, and sets Missing and "Pending deletion" by itself.
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
local ready, reconciling = found.Ready, found.Reconciling

-- Only a person can help, or the brake is on.
if found.Stalled then return health("Degraded", found.Stalled) end
if found.MassFailure then return health("Degraded", found.MassFailure) end
-- What Git says does not run, and will not: a rollout has given it up.
if found.RevisionRejected then return health("Degraded", found.RevisionRejected) end
-- A budget or quota: agents that are wanted are missing, or just an update is held back.
if found.BudgetExceeded and ready.status ~= "True" then return health("Degraded", found.BudgetExceeded) end

if reconciling then
  -- Its rollout, or its update, waits until a person says something.
  local waits = {
    PauseStep = true, PausedByRequest = true, PausedBySpec = true, AnalysisInconclusive = true,
    BudgetExceeded = true, NamespaceQuotaExceeded = true,
  }
  if waits[reconciling.reason] then return health("Suspended", reconciling) end
  if found.QuotaExceeded then return health("Progressing", found.QuotaExceeded) end
  -- What is tried again is named by Ready.
  if reconciling.reason == "ProgressingWithRetry" and ready.status ~= "True" then return health("Progressing", ready) end
  return health("Progressing", reconciling)
end
if ready.status == "True" then return health("Healthy", ready) end
return health("Progressing", ready)
