-- Argo CD's health of a GreengrassDeployment. Goes into the ConfigMap argocd-cm, under the key
-- resource.customizations.health.greengrass-operator.dev_GreengrassDeployment. Conditions and observedGeneration follow
-- kstatus; Suspended is what Argo CD says beyond it. Of the libraries none is used: Argo CD opens few of them.

local function when_true(status)
  -- Degraded fails a sync at once, so what has Stalled is Degraded also while it is suspended: devices that failed would
  -- else hide behind a pause.
  if status.Stalled then return "Degraded" end
  if status.Suspended then return "Suspended" end
  -- ProgressingWithRetry too: things that are applied in any order settle, and must not look broken on the way.
  if status.Reconciling then return "Progressing" end
  if status.Ready then return "Healthy" end
  -- Unverified: AWS had it, and can't be asked.
  return "Progressing"
end

-- Before the operator has seen a new resource observedGeneration is -1, and before it has seen a change it is the old one:
-- what conditions say then is about another spec.
local status = obj.status
if status == nil or status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "the operator has not seen this spec yet" }
end

local is_true = {}
local message = ""
for _, condition in ipairs(status.conditions) do
  is_true[condition.type] = condition.status == "True"
  if condition.type == "Ready" then message = condition.message end
end
return { status = when_true(is_true), message = message }
