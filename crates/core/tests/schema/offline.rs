//! The API server's judgement, as far as libraries give it. Pure.

use greengrass_operator_core::api::schema::Definition;
use greengrass_operator_core::api::{GreengrassDeployment, GreengrassDeploymentSpec, SystemInstance};
use greengrass_operator_core::deployment::desired::Desired;
use greengrass_operator_core::deployment::references::{Grant, IdentityFound, References};
use greengrass_operator_core::deployment::validate::{Invalid, Refused, validate};
use greengrass_operator_core::names::ObjectName;
use greengrass_operator_core::system_instance::validate as system_instance;
use kube::core::cel::{CompiledSchema, Validator, compile_schema};
use serde_json::Value;

/// The schema of the only version of a kind.
pub(crate) fn schema_of(definition: Definition) -> Value {
    // From the YAML, because that is what is installed: the type makes doubles of bounds.
    let definition: Value = serde_saphyr::from_str(&definition.yaml()).unwrap();
    definition.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap().clone()
}

/// Reads objects as the API server does: first the keywords of the schema, then its rules.
pub(crate) struct Server {
    keywords: jsonschema::Validator,
    rules: CompiledSchema,
    validator: Validator,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::of(Definition::GreengrassDeployment)
    }

    pub(crate) fn of(definition: Definition) -> Self {
        let schema = schema_of(definition);
        // The API server's keywords are those of draft 4.
        let keywords = jsonschema::options().with_draft(jsonschema::Draft::Draft4).build(&schema).unwrap();
        let rules = compile_schema(&schema);
        assert!(!rules.has_errors(), "{:?}", rules.compilation_errors());
        Self { keywords, rules, validator: Validator::new() }
    }

    /// The keywords that the object breaks.
    pub(crate) fn broken_keywords(&self, object: &Value) -> Vec<String> {
        let broken = self.keywords.iter_errors(object);
        broken.map(|error| error.schema_path().as_str().rsplit('/').next().unwrap_or_default().to_owned()).collect()
    }

    /// What the rules say that the object breaks.
    pub(crate) fn sentences(&self, object: &Value, before: Option<&Value>) -> Vec<String> {
        match self.validator.validate_compiled(&self.rules, object, before) {
            Ok(()) => Vec::new(),
            Err(errors) => errors.into_vec().into_iter().map(|error| error.message).collect(),
        }
    }

    /// Whether the object gets in.
    pub(crate) fn accepts(&self, object: &Value) -> bool {
        self.broken_keywords(object).is_empty() && self.sentences(object, None).is_empty()
    }
}

/// The spec, if it can be decoded.
pub(crate) fn decoded(object: &Value) -> Result<GreengrassDeploymentSpec, serde_json::Error> {
    serde_json::from_value::<GreengrassDeployment>(object.clone()).map(|object| object.spec)
}

/// The object's name, and what the operator has read of the things that its spec may refer to.
fn scene(object: &Value) -> (ObjectName, References) {
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let grant = Grant {
        account: Some("123456789012".to_owned()),
        region: Some("us-west-2".to_owned()),
        ..Grant::of_everything("default")
    };
    let name = ObjectName { namespace: "plant".into(), name: name.into() };
    (name, References::through(IdentityFound::Granted(grant)))
}

/// What the operator makes of a spec.
pub(crate) fn judged(object: &Value, spec: &GreengrassDeploymentSpec) -> Result<Desired, Invalid> {
    let (name, references) = scene(object);
    validate(&name, spec, &references).map_err(invalid)
}

/// What the operator says to a `SystemInstance`; none, where it can't be decoded.
pub(crate) fn said_of_system_instance(object: &Value) -> Option<String> {
    let spec = serde_json::from_value::<SystemInstance>(object.clone()).ok()?.spec;
    let (name, references) = scene(object);
    Some(match system_instance::validate(&name, &spec, &references) {
        Ok(_) => "nothing".to_owned(),
        Err(refused) => invalid(refused).to_string(),
    })
}

fn invalid(refused: Refused) -> Invalid {
    match refused {
        Refused::Invalid(invalid) => invalid,
        // What it refers to is no matter of the schema.
        Refused::Unread | Refused::Missing(_) | Refused::NoIdentity(_) | Refused::NotAllowed(_) => {
            unreachable!("nothing of a table's mistakes is missing")
        }
    }
}
