//! Random specs from the schema of the definition itself, within its bounds and just beyond them (pure: chance is a seed).

use proptest::strategy::{Strategy, ValueTree};
use proptest::string::string_regex;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Number, Value, json};

/// Optional fields that are there, in percent: few enough that specs stay small.
const THERE: u64 = 35;
/// What the schema leaves open for arrays and maps without small bounds of their own.
const MOST_ITEMS: u64 = 3;
/// Arrays and strings with more room than this are not filled to the brim.
const BRIM: u64 = 300;

/// What a chain doesn't change: the target is fixed by the definition, and who is suspended ends where it began.
const FIXED: [&str; 5] = ["targetArn", "parentTargetArn", "parent", "onParentRevision", "suspend"];

/// A source of numbers: the same seed, the same numbers (`SplitMix64`).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        // Once round first, or the numbers of one seed would be those of the one before, a place later.
        Self(Self(seed).next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `count`.
    pub fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }

    pub fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(u64::try_from(from.len()).unwrap())).unwrap()]
    }

    /// A text that matches, where one can be made within the length.
    fn matching(&mut self, pattern: &str, longest: usize) -> Option<String> {
        let texts = string_regex(pattern.trim_start_matches('^').trim_end_matches('$')).ok()?;
        let seed: Vec<u8> = (0..4).flat_map(|_| self.next().to_le_bytes()).collect();
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        (0..50).filter_map(|_| Some(texts.new_tree(&mut runner).ok()?.current())).find(|text| text.len() <= longest)
    }
}

/// Makes specs.
pub struct Generator<'a> {
    schema: &'a Value,
    pub chance: Chance,
    /// How many values are made before one that is beyond its bounds.
    beyond_in: Option<u64>,
}

impl<'a> Generator<'a> {
    /// Of the schema of `spec`.
    pub fn new(schema: &'a Value, seed: u64) -> Self {
        Self { schema, chance: Chance::new(seed), beyond_in: None }
    }

    /// A spec for this target; `beyond`: with one value, somewhere, that is beyond its bounds.
    pub fn spec(&mut self, target: &str, beyond: bool) -> Value {
        self.beyond_in = beyond.then(|| self.chance.below(12));
        let mut spec = self.value("spec", self.schema).unwrap();
        let fields = spec.as_object_mut().unwrap();
        fields.retain(|name, _| !FIXED.contains(&name.as_str()));
        fields.insert("targetArn".to_owned(), json!(target));
        spec
    }

    /// A spec that differs from another in one field, or in one of one component's.
    pub fn edit(&mut self, spec: &Value, beyond: bool) -> Value {
        self.beyond_in = beyond.then_some(0);
        let mut edited = spec.clone();
        let components = spec["components"].as_object().into_iter().flatten();
        let names: Vec<String> = components.map(|(name, _)| name.clone()).collect();
        let (part, schema) = match names.as_slice() {
            names if !names.is_empty() && self.chance.percent(50) => {
                let schema = &self.schema["properties"]["components"]["additionalProperties"];
                (&mut edited["components"][self.chance.pick(names).as_str()], schema)
            }
            _ => (&mut edited, self.schema),
        };
        let fields: Vec<_> = schema["properties"].as_object().into_iter().flatten().collect();
        let fields: Vec<_> = fields.into_iter().filter(|(name, _)| !FIXED.contains(&name.as_str())).collect();
        let (name, field) = *self.chance.pick(&fields);
        let value = if self.chance.percent(25) { None } else { self.value(name, field) };
        let part = part.as_object_mut().unwrap();
        match value {
            Some(value) => part.insert(name.clone(), value),
            None if name == "components" || name == "componentVersion" => None,
            None => part.remove(name),
        };
        edited
    }

    fn is_beyond(&mut self) -> bool {
        match self.beyond_in {
            Some(0) => {
                self.beyond_in = None;
                true
            }
            Some(left) => {
                self.beyond_in = Some(left - 1);
                false
            }
            None => false,
        }
    }

    fn value(&mut self, name: &str, schema: &Value) -> Option<Value> {
        // There are no ConfigMaps: who refers to one waits for it.
        if name == "mergeFrom" && !self.chance.percent(5) {
            return None;
        }
        if schema["x-kubernetes-preserve-unknown-fields"] == true {
            return Some(self.configuration());
        }
        if let Some(positions) = schema["enum"].as_array() {
            return Some(if self.is_beyond() { json!("SOMETHING_ELSE") } else { self.chance.pick(positions).clone() });
        }
        Some(match schema["type"].as_str()? {
            "object" => match &schema["additionalProperties"] {
                Value::Null => self.object(schema),
                values => self.map(name, schema, values),
            },
            "array" => self.array(name, schema),
            "string" => Value::String(self.text(name, schema)),
            "boolean" => Value::Bool(self.chance.percent(50)),
            "integer" => Value::from(self.integer(schema)),
            "number" => self.number(schema),
            other => panic!("a schema of type {other}"),
        })
    }

    fn object(&mut self, schema: &Value) -> Value {
        let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut made = Map::new();
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let is_there =
                if required.contains(&name.as_str()) { !self.is_beyond() } else { self.chance.percent(THERE) };
            if is_there && let Some(value) = self.value(name, field) {
                made.insert(name.clone(), value);
            }
        }
        Value::Object(made)
    }

    fn map(&mut self, name: &str, schema: &Value, values: &Value) -> Value {
        let is_of_components = name == "components";
        let names: &[&str] = if is_of_components {
            &["com.example.HelloWorld", "com.example.Camera", "aws.greengrass.Cli", "Ж"]
        } else {
            &["team", "line/1", "cost center", "Straße"]
        };
        let least = u64::from(is_of_components);
        let count = least + self.chance.below(schema["maxProperties"].as_u64().unwrap_or(MOST_ITEMS).min(MOST_ITEMS));
        let mut made = Map::new();
        for _ in 0..count {
            let key = if self.is_beyond() {
                (*self.chance.pick(&["", "aws:x", "greengrass-operator.dev/digest", &"k".repeat(129)])).to_owned()
            } else {
                (*self.chance.pick(names)).to_owned()
            };
            if let Some(value) = self.value("value", values) {
                made.insert(key, value);
            }
        }
        Value::Object(made)
    }

    fn array(&mut self, name: &str, schema: &Value) -> Value {
        let least = schema["minItems"].as_u64().unwrap_or(0);
        let most = schema["maxItems"].as_u64().unwrap_or(MOST_ITEMS);
        let count = if self.is_beyond() {
            if least > 0 { least - 1 } else { (most + 1).min(BRIM) }
        } else {
            least + self.chance.below(most.min(MOST_ITEMS) - least + 1)
        };
        (0..count).filter_map(|_| self.value(name, &schema["items"])).collect()
    }

    fn text(&mut self, name: &str, schema: &Value) -> String {
        let longest = usize::try_from(schema["maxLength"].as_u64().unwrap_or(BRIM)).unwrap();
        if self.is_beyond() {
            let too_long = "y".repeat(longest + 1);
            return (*self.chance.pick(&["", "a\u{0}b", " ", "line\nbreak", &too_long])).to_owned();
        }
        let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
        let mut patterns = rules.filter_map(|rule| {
            let (_, rest) = rule["rule"].as_str()?.split_once("self.matches('")?;
            Some(rest.rsplit_once("')")?.0)
        });
        if let Some(pattern) = patterns.next() {
            let usual = ["1.0.0", "2.11.3", "1.0.0-rc.1", "0.0.1+build.5"];
            let is_usual = name == "componentVersion" && self.chance.percent(85);
            let made = if is_usual { None } else { self.chance.matching(pattern, longest) };
            return made.unwrap_or_else(|| (*self.chance.pick(&usual)).to_owned());
        }
        let texts: &[&str] =
            if name == "reset" { &["", "/a", "/a/b", "/tags/0"] } else { &["x", "Straße 7", "ggc_user:ggc_group"] };
        let full = "z".repeat(longest);
        if name != "reset" && longest <= 256 && self.chance.percent(10) {
            full
        } else {
            (*self.chance.pick(texts)).to_owned()
        }
    }

    fn integer(&mut self, schema: &Value) -> i64 {
        let least = schema["minimum"].as_i64().unwrap_or(1);
        let most = schema["maximum"].as_i64().unwrap_or(i64::MAX);
        if self.is_beyond() {
            return *self.chance.pick(&[least - 1, most.saturating_add(1)]);
        }
        *self.chance.pick(&[least, least + 1, most, least + (most - least) / 3])
    }

    fn number(&mut self, schema: &Value) -> Value {
        if self.is_beyond() {
            return json!(*self.chance.pick(&[-1.0, 0.0, 1e9]));
        }
        let least = schema["minimum"].as_f64().unwrap_or(0.5);
        let most = schema["maximum"].as_f64().unwrap_or(100.0);
        let number = *self.chance.pick(&[least, most, f64::midpoint(least, most), least + 0.25]);
        Number::from_f64(number).map_or(Value::Null, Value::Number)
    }

    /// What a component's configuration can be: an object, or a text that holds one.
    fn configuration(&mut self) -> Value {
        if self.is_beyond() {
            let wrong =
                [json!("{\"a\": "), json!([]), json!(true), json!(7), json!("no object"), json!("{\"a\":1,\"a\":2}")];
            return self.chance.pick(&wrong).clone();
        }
        let value = self.json(3);
        if self.chance.percent(30) { Value::String(format!(" {value}")) } else { value }
    }

    fn json(&mut self, depth: u64) -> Value {
        let count = 1 + self.chance.below(3);
        let mut made = Map::new();
        for _ in 0..count {
            let key = *self.chance.pick(&["a", "b", "Message", "0", "a/b~c", "päth"]);
            let value = match self.chance.below(8) {
                0 => json!(null),
                1 => json!(true),
                2 => json!(i64::MAX),
                3 => json!(0.1),
                4 => json!([1, "two", {"three": []}]),
                5 => json!({}),
                _ if depth > 1 => self.json(depth - 1),
                _ => json!("text"),
            };
            made.insert(key.to_owned(), value);
        }
        Value::Object(made)
    }
}

#[test]
fn the_same_seed_makes_the_same_specs_and_another_one_others() {
    let schema = super::spec_schema();
    let made = |seed| {
        let mut generator = Generator::new(&schema, seed);
        (0..20).map(|number| generator.spec("arn", number % 3 == 0)).collect::<Vec<_>>()
    };
    assert_eq!(made(1), made(1));
    assert_ne!(made(1), made(2));
}
