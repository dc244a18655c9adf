//! Any road leads there: where a resource ends follows from its spec alone, whatever it went through before.
//!
//! Chains of random specs, valid and not, edited at random moments; beside each a fresh resource that has known nothing but the
//! last one. `OPERATOR_TEST_CHAINS` says how many (`make soak` asks for many), `OPERATOR_TEST_SEED` where to begin.

mod generator;

use std::collections::BTreeMap;
use std::time::Duration;

use greengrass_emulator::DeploymentRecord;
use serde_json::{Value, json};

use self::generator::Generator;
use crate::world::{ACCOUNT, Manifest, REGION, VirtualWorld, condition};

/// Chains that run at the same time in one world.
const TOGETHER: u64 = 40;
const STEPS: u64 = 3;
/// Calls about one target in one minute: what three edits in a row cost, and a few retries.
const CALLS_A_MINUTE: usize = 20;
/// What belongs to the operator among tags.
const OWN_PREFIX: &str = "greengrass-operator.dev/";

/// The schema of `spec` in the definition that users install.
fn spec_schema() -> Value {
    let crd = include_str!("../../../crds/greengrass-operator.dev_greengrassdeployments.yaml");
    let definition: Value = serde_saphyr::from_str(crd).unwrap();
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
}

pub fn number_from_environment(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok().filter(|given| !given.is_empty());
    given.map_or(default, |given| given.parse().unwrap_or_else(|_| panic!("{name} is a number, not {given}")))
}

/// A chain of one resource.
struct Chain<'a> {
    seed: u64,
    name: String,
    group: String,
    generator: Generator<'a>,
    /// How often the API server took a spec, and refused one.
    taken: usize,
    refused: usize,
    /// The spec that was taken last.
    newest: Option<Value>,
}

impl<'a> Chain<'a> {
    fn new(world: &VirtualWorld, schema: &'a Value, seed: u64) -> Self {
        let name = format!("chain-{seed}");
        let group = world.group(&name);
        Self { seed, name, group, generator: Generator::new(schema, seed), taken: 0, refused: 0, newest: None }
    }

    fn object(&self, spec: &Value) -> Value {
        json!({
            "apiVersion": "greengrass-operator.dev/v1alpha1",
            "kind": "GreengrassDeployment",
            "metadata": {"name": self.name},
            "spec": spec,
        })
    }

    /// One spec that may be wrong; true where the API server took it.
    fn step(&mut self, world: &VirtualWorld, may_be_wrong: bool) -> bool {
        let beyond = may_be_wrong && self.generator.chance.percent(40);
        let spec = match &self.newest {
            Some(newest) if self.generator.chance.percent(60) => self.generator.edit(newest, beyond),
            Some(_) | None => self.generator.spec(&self.group, beyond),
        };
        let taken = world.try_apply(&self.object(&spec)).is_ok();
        if taken {
            self.taken += 1;
            self.newest = Some(spec);
        } else {
            self.refused += 1;
        }
        taken
    }

    /// The spec that the API server holds now.
    fn spec(&self, world: &VirtualWorld) -> Value {
        world.object(&self.name).unwrap()["spec"].clone()
    }

    /// Where it stands, without what may differ between one road and another.
    fn end(&self, world: &VirtualWorld) -> End {
        let object = world.object(&self.name).unwrap();
        let deployments = world.emulator.deployments(ACCOUNT, REGION);
        let newest = deployments.iter().rfind(|deployment| deployment.target_arn == self.group);
        let mut texts = vec![(world.namespace.clone(), "NAMESPACE")];
        texts.extend(newest.map(|newest| (newest.deployment_id.clone(), "ID")));
        texts.extend(newest.map(|newest| (format!("revision {}", newest.revision_id), "revision N")));
        let general = |text: String| texts.iter().fold(text, |text, (own, general)| text.replace(own, general));
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        // What is advised is about what earlier specs left behind.
        let of_spec = conditions.iter().filter(|condition| condition["type"] != "Advisory");
        let said = of_spec.map(|condition| {
            let words = ["type", "status", "reason", "message"].map(|field| condition[field].as_str().unwrap_or(""));
            general(words.join(" | "))
        });
        let is_ready = condition(&object, "Ready").is_some_and(|ready| ready["status"] == "True");
        End {
            said: said.collect(),
            // A wrong spec leaves in force what was there before.
            content: newest.filter(|_| is_ready).map(|newest| general(content(newest).to_string())),
            digest: object["status"]["appliedDigest"].as_str().filter(|_| is_ready).map(ToOwned::to_owned),
            is_ready,
        }
    }

    /// The most calls about its target in any minute.
    fn calls_in_a_minute(&self, world: &VirtualWorld) -> usize {
        let mut calls = world.calls();
        calls.retain(|call| call.target_arn.as_deref() == Some(self.group.as_str()));
        let mut minutes = BTreeMap::new();
        for call in calls {
            *minutes.entry(call.time.as_second() / 60).or_insert(0) += 1;
        }
        minutes.into_values().max().unwrap_or(0)
    }
}

#[derive(Debug, PartialEq)]
struct End {
    said: Vec<String>,
    content: Option<String>,
    digest: Option<String>,
    is_ready: bool,
}

/// What a revision means, whatever it is written like. Resets are left out: they say what to forget, which does depend on the
/// road.
fn content(deployment: &DeploymentRecord) -> Value {
    let mut components = deployment.components.clone();
    for component in components.as_object_mut().into_iter().flat_map(|components| components.values_mut()) {
        let merge = component["configurationUpdate"]["merge"].as_str().and_then(|text| serde_json::from_str(text).ok());
        let merge = merge.filter(|merge: &Value| *merge != json!({}));
        component["configurationUpdate"] = merge.unwrap_or(Value::Null);
    }
    let mut policies = json!({
        "failureHandlingPolicy": "ROLLBACK",
        "componentUpdatePolicy": {"action": "NOTIFY_COMPONENTS", "timeoutInSeconds": 60},
        "configurationValidationPolicy": {"timeoutInSeconds": 30},
    });
    lay_over(&mut policies, &deployment.deployment_policies);
    let tags: BTreeMap<_, _> = deployment.tags.iter().filter(|(key, _)| !key.starts_with(OWN_PREFIX)).collect();
    json!({
        "name": deployment.deployment_name,
        "components": components.as_object().unwrap().iter().map(|(name, component)| {
            let run_with = said(&component["runWith"]);
            (name.clone(), json!([component["componentVersion"], component["configurationUpdate"], run_with]))
        }).collect::<BTreeMap<_, _>>(),
        "policies": policies,
        "job": said(&deployment.iot_job_configuration),
        "tags": tags,
        "status": deployment.deployment_status,
    })
}

/// What is said takes the place of the default.
fn lay_over(defaults: &mut Value, said: &Value) {
    match said {
        Value::Null => {}
        Value::Object(fields) => fields.iter().for_each(|(name, field)| lay_over(&mut defaults[name.as_str()], field)),
        other => *defaults = other.clone(),
    }
}

/// The value without what says nothing.
fn said(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| (name.clone(), said(field)));
            let fields: BTreeMap<_, _> = fields.filter(|(_, field)| !field.is_null()).collect();
            if fields.is_empty() { Value::Null } else { json!(fields) }
        }
        other => other.clone(),
    }
}

#[test]
fn where_a_resource_ends_follows_from_its_spec_alone() {
    let schema = spec_schema();
    let first = number_from_environment("OPERATOR_TEST_SEED", 1);
    let count = number_from_environment("OPERATOR_TEST_CHAINS", 80);
    let begun = std::time::Instant::now();
    let (mut taken, mut refused, mut wrong) = (0, 0, 0);
    for seeds in (first..first + count).collect::<Vec<_>>().chunks(usize::try_from(TOGETHER).unwrap()) {
        let (travelled, fresh) = (VirtualWorld::new("travelled"), VirtualWorld::new("fresh"));
        let mut chains: Vec<_> = seeds.iter().map(|seed| Chain::new(&travelled, &schema, *seed)).collect();
        for _ in 0..STEPS {
            for chain in &mut chains {
                chain.step(&travelled, true);
                // Now and then the operator gets no time between two edits.
                if chain.generator.chance.percent(50) {
                    travelled.pass(Duration::from_millis(200 * chain.generator.chance.below(8)));
                }
            }
        }
        for chain in &mut chains {
            // The road may have been refused from its beginning to its end.
            while chain.taken == 0 && !chain.step(&travelled, false) {}
            fresh.group(&chain.name);
            fresh.try_apply(&chain.object(&chain.spec(&travelled))).unwrap();
        }
        for world in [&travelled, &fresh] {
            world.pass(Duration::from_mins(6));
        }
        for chain in &chains {
            let rerun = format!("OPERATOR_TEST_SEED={} OPERATOR_TEST_CHAINS=1", chain.seed);
            let (end, expected) = (chain.end(&travelled), chain.end(&fresh));
            assert_eq!(end, expected, "{rerun}\n{:#}", travelled.object(&chain.name).unwrap());
            let calls = chain.calls_in_a_minute(&travelled);
            assert!(calls <= CALLS_A_MINUTE, "{rerun}: {calls} calls in a minute");
            if !end.is_ready {
                wrong += 1;
                travelled.apply(&Manifest::new(&chain.name, &chain.group));
            }
        }
        travelled.pass(Duration::from_mins(3));
        for chain in &chains {
            let rerun = format!("OPERATOR_TEST_SEED={} OPERATOR_TEST_CHAINS=1", chain.seed);
            let end = chain.end(&travelled);
            assert!(end.is_ready, "{rerun}: the next valid spec heals\n{end:#?}");
            taken += chain.taken;
            refused += chain.refused;
        }
    }
    println!(
        "{count} chains from seed {first}: {taken} specs taken, {refused} refused by the API server, {wrong} ended wrong and \
         were mended, in {} s",
        begun.elapsed().as_secs()
    );
    assert!(count < 20 || (refused > 0 && wrong > 0), "the specs are too tame to show anything");
}
