#!/usr/bin/env bash
# GreengrassDeployments by a loop around kubectl and the AWS CLI, to measure the operator against.
#
# Each round lists all resources and hands those with something to do to `one`, PARALLEL at a time. Every
# DRIFT_INTERVAL_SECONDS a round also lists the newest deployments of the account, and what is not ours any more is deployed
# again. KUBECTL and AWS name the programs; POLL_SECONDS is the pause between rounds.
set -uo pipefail

kubectl=${KUBECTL:-kubectl}
aws=${AWS:-aws}
poll=${POLL_SECONDS:-5}
drift_interval=${DRIFT_INTERVAL_SECONDS:-300}
export PARALLEL=${PARALLEL:-2}
export AWS_PAGER=
finalizer=greengrass-operator.dev/bench-peer-shell
kind=greengrassdeployments.greengrass-operator.dev

say() { echo "$(date -u +%FT%TZ) $*" >&2; }

# What CreateDeployment gets, without tags and token of ours; keys sorted, so that its hash is that of the content.
request_of() {
  jq --compact-output --sort-keys '.spec | {
    targetArn,
    components: (.components | map_values({componentVersion} + (if .configurationUpdate then {
      configurationUpdate: (.configurationUpdate | {reset} + {merge: (.merge | if type == "object" then tojson else . end)}
        | with_entries(select(.value != null)))
    } else {} end))),
    tags: (.tags // {})
  } + (if .deploymentName then {deploymentName} else {} end)'
}

hash_of() { sha256sum | cut -c1-64; }

create() { # object, namespace, name, request, digest
  local object=$1 namespace=$2 name=$3 request=$4 digest=$5 token created id now generation
  if [[ $(jq -r '.spec.deletionPolicy // "Retain" | test("Cancel|Delete")' <<<"$object") == true ]] &&
    [[ $(jq -r --arg finalizer "$finalizer" '.metadata.finalizers // [] | index($finalizer)' <<<"$object") == null ]]; then
    "$kubectl" patch "$kind" "$name" --namespace "$namespace" --type=merge \
      --patch "$(jq -c --arg finalizer "$finalizer" '{metadata: {finalizers: ((.metadata.finalizers // []) + [$finalizer])}}' <<<"$object")" \
      >/dev/null || return
  fi
  # The same until the status says that it succeeded, so that a second try gets the first one's answer.
  token=$(jq -r --arg digest "$digest" '[.metadata.uid, $digest, .status.deploymentId // ""] | join("/")' <<<"$object" | hash_of)
  created=$("$aws" greengrassv2 create-deployment --output json --cli-input-json "$(jq -c --arg token "$token" \
    --arg resource "$namespace/$name" \
    '.clientToken = $token | .tags += {"managed-by": "bench-peer-shell", "kubernetes-resource": $resource}' <<<"$request")") || return
  id=$(jq -r .deploymentId <<<"$created")
  now=$(date -u +%FT%TZ)
  generation=$(jq .metadata.generation <<<"$object")
  "$kubectl" patch "$kind" "$name" --namespace "$namespace" --subresource=status --type=merge --patch "$(jq -nc \
    --arg id "$id" --arg digest "$digest" --arg now "$now" --argjson generation "$generation" '{status: {
      deploymentId: $id, appliedDigest: $digest, observedGeneration: $generation,
      conditions: [{type: "Ready", status: "True", reason: "Deployed", message: "deployment \($id) was created",
        lastTransitionTime: $now, observedGeneration: $generation}]}}')" >/dev/null || return
  say "$namespace/$name: deployment $id"
}

remove() { # object, namespace, name
  local object=$1 namespace=$2 name=$3 id said
  id=$(jq -r 'if .spec.deletionPolicy // "Retain" | test("Cancel|Delete") then .status.deploymentId // "" else "" end' <<<"$object")
  if [[ -n $id ]]; then
    said=$("$aws" greengrassv2 cancel-deployment --deployment-id "$id" 2>&1) ||
      [[ $said == *"already canceled"* || $said == *ResourceNotFoundException* ]] || { say "$said"; return 1; }
    if [[ $(jq -r .spec.deletionPolicy <<<"$object") == Delete ]]; then
      said=$("$aws" greengrassv2 delete-deployment --deployment-id "$id" 2>&1) ||
        [[ $said == *ResourceNotFoundException* ]] || { say "$said"; return 1; }
    fi
  fi
  "$kubectl" patch "$kind" "$name" --namespace "$namespace" --type=merge \
    --patch "$(jq -c --arg finalizer "$finalizer" '{metadata: {finalizers: ((.metadata.finalizers // []) - [$finalizer])}}' <<<"$object")" \
    >/dev/null && say "$namespace/$name: gone"
}

one() { # a file with the object, and whether it has drifted
  local object drifted namespace name request digest
  object=$(cat "$1")
  drifted=$2
  namespace=$(jq -r .metadata.namespace <<<"$object")
  name=$(jq -r .metadata.name <<<"$object")
  if [[ $(jq -r '.metadata.deletionTimestamp // ""' <<<"$object") != "" ]]; then
    remove "$object" "$namespace" "$name"
    return
  fi
  request=$(request_of <<<"$object")
  digest=$(hash_of <<<"$request")
  if [[ $drifted == no && $(jq -r '.status.appliedDigest // ""' <<<"$object") == "$digest" ]]; then
    # A change of policies only.
    "$kubectl" patch "$kind" "$name" --namespace "$namespace" --subresource=status --type=merge \
      --patch "{\"status\": {\"observedGeneration\": $(jq .metadata.generation <<<"$object")}}" >/dev/null
    return
  fi
  create "$object" "$namespace" "$name" "$request" "$digest"
}

if [[ ${1:-} == one ]]; then
  one "$2" "$3" || exit 0
  exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 0' TERM INT
drift_due=$((SECONDS + drift_interval))
while true; do
  if "$kubectl" get "$kind" --all-namespaces --output=json >"$work/all.json"; then
    rm -rf "$work/todo" && mkdir "$work/todo"
    # Something to do: being deleted with our finalizer, or a generation that was not seen.
    jq -c --arg finalizer "$finalizer" '.items[] | select(.spec.suspend != true) | select(
        if .metadata.deletionTimestamp then .metadata.finalizers // [] | index($finalizer)
        else (.status.observedGeneration // -1) != .metadata.generation end) | [., "no"]' "$work/all.json" >"$work/lines"
    if ((SECONDS >= drift_due)); then
      drift_due=$((SECONDS + drift_interval))
      if "$aws" greengrassv2 list-deployments --history-filter LATEST_ONLY --output json >"$work/newest.json"; then
        jq -c --slurpfile newest "$work/newest.json" '
          ($newest[0].deployments | map({key: .targetArn, value: .}) | from_entries) as $by
          | .items[] | select(.metadata.deletionTimestamp == null and .spec.suspend != true)
          | select(.status.deploymentId and .status.observedGeneration == .metadata.generation)
          | select($by[.spec.targetArn] as $row | $row.deploymentId != .status.deploymentId or ($row.deploymentStatus | test("INACTIVE|CANCELED")))
          | [., "yes"]' "$work/all.json" >>"$work/lines"
      fi
    fi
    number=0
    while IFS= read -r line; do
      jq '.[0]' <<<"$line" >"$work/todo/$number"
      printf '%s\0%s\0' "$work/todo/$number" "$(jq -r '.[1]' <<<"$line")"
      number=$((number + 1))
    done <"$work/lines" | xargs -0 --no-run-if-empty -n 2 -P "$PARALLEL" "$0" one
  fi
  sleep "$poll" &
  wait $!
done
