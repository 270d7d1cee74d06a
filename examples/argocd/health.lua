-- Health of a LoadTest for Argo CD: Healthy when passed, Degraded when refused, failed or stopped, Suspended when
-- held, else Progressing.
local health = { status = "Progressing", message = "No operator has looked at it yet." }
if obj.status == nil or obj.status.conditions == nil then
  return health
end
-- What was said of an older spec does not count.
if obj.status.observedGeneration ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  health.message = "The operator has not seen the last change yet."
  return health
end
local said = {}
for _, condition in ipairs(obj.status.conditions) do
  said[condition.type] = condition
end
local function is(name, status)
  return said[name] ~= nil and said[name].status == status
end
if is("Finished", "True") then
  health.status = is("Succeeded", "True") and "Healthy" or "Degraded"
  health.message = said.Succeeded and said.Succeeded.message or ""
elseif is("Stalled", "True") then
  health.status = "Degraded"
  health.message = said.Accepted and said.Accepted.message or said.Stalled.message
elseif said.AgentsReady ~= nil and said.AgentsReady.reason == "Suspended"
    or said.Running ~= nil and said.Running.reason == "Suspended" then
  health.status = "Suspended"
  health.message = "Held by spec.suspend."
elseif is("Running", "True") then
  health.message = said.Running.message
elseif said.AgentsReady ~= nil then
  health.message = said.AgentsReady.message
end
return health
