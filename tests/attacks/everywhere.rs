//! Every write of every scenario is attacked, one at a time: the end is the undisturbed one, with one revision for each change.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::is_soak;
use super::proxy::{Attack, Proxy};
use super::scenarios::{SCENARIOS, Scenario, Stage, end_state, made};
use crate::world::World;

/// Worlds at once: a run waits more than it works.
const TOGETHER: usize = 6;

/// What the slowest run needs: an answer that never came has its time-out, 30 s, and then it is looked for a minute.
const PATIENCE: Duration = Duration::from_mins(4);

#[test]
fn killed_at_any_write_it_ends_as_if_nothing_had_happened() {
    let attacks: Vec<_> = Attack::ALL.into_iter().filter(|attack| attack.kills()).map(|attack| (attack, 0)).collect();
    println!("{} crash points covered", covered(&attacks));
}

#[test]
fn whatever_becomes_of_any_write_it_ends_as_if_nothing_had_happened() {
    // Once; and three times in a row where there is time for it.
    let in_a_row: &[usize] = if is_soak() { &[0, 2] } else { &[0] };
    let attacks = Attack::ALL.into_iter().filter(|attack| !attack.kills());
    let attacks: Vec<_> = attacks.flat_map(|attack| in_a_row.iter().map(move |more| (attack, *more))).collect();
    println!("{} attacks on writes covered", covered(&attacks));
}

fn covered(attacks: &[(Attack, usize)]) -> usize {
    let only = std::env::var("OPERATOR_TEST_SCENARIO").unwrap_or_default();
    let at_length = is_soak();
    let is_wanted = |scenario: &&Scenario| {
        if only.is_empty() { at_length || !scenario.is_long } else { scenario.name == only }
    };
    let scenarios: Vec<&Scenario> = SCENARIOS.iter().filter(is_wanted).collect();
    let (next, covered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..TOGETHER {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::SeqCst)) {
                    covered.fetch_add(attack_everywhere(scenario, attacks), Ordering::SeqCst);
                }
            });
        }
    });
    covered.into_inner()
}

/// The undisturbed run tells how many writes there are; then each of them is attacked. How many attacks there were.
fn attack_everywhere(scenario: &Scenario, attacks: &[(Attack, usize)]) -> usize {
    let mut world = World::without_operator(&format!("attack-{}", scenario.name));
    let proxy = Proxy::start(world.kubeconfig(), world.endpoint(), world.folder());
    let begun = Instant::now();
    start(&mut world, &proxy);
    let expected = run(&mut world, &proxy, scenario, UNDISTURBED, None).expect("nothing disturbs it");
    let writes = proxy.story();
    let mut count = 0;
    let mut runs = vec![name_of(scenario, UNDISTURBED)];
    for (attack, more) in attacks {
        for number in 1..=writes.len() {
            let suffix = format!("{attack:?}-{more}-{number}").to_lowercase();
            if let Some(end) = run(&mut world, &proxy, scenario, &suffix, Some((number, *attack, *more))) {
                assert_eq!(
                    end,
                    expected,
                    "{}: {attack:?} at write {number} ({}) and {more} more; writes: {:#?}",
                    scenario.name,
                    writes[number - 1],
                    proxy.story()
                );
                count += 1;
                runs.push(name_of(scenario, &suffix));
            }
        }
    }
    // What a late write may have begun takes its time.
    for name in runs {
        assert_made(&Stage { world: &world, name }, scenario, &proxy);
    }
    println!("{}: {} writes, {count} attacks, {} s", scenario.name, writes.len(), begun.elapsed().as_secs());
    count
}

/// The run that is not attacked.
const UNDISTURBED: &str = "undisturbed";

fn name_of(scenario: &Scenario, suffix: &str) -> String {
    format!("{}-{suffix}", scenario.name)
}

fn start(world: &mut World, proxy: &Proxy) {
    let kubeconfig = proxy.kubeconfig.to_str().unwrap().to_owned();
    world.start_operator_with(&[("KUBECONFIG", &kubeconfig), ("AWS_ENDPOINT_URL", &proxy.endpoint)]);
}

/// One run; what came of it. `None` where the write that was to be attacked never came.
fn run(
    world: &mut World,
    proxy: &Proxy,
    scenario: &Scenario,
    suffix: &str,
    attack: Option<(usize, Attack, usize)>,
) -> Option<serde_json::Value> {
    let name = name_of(scenario, suffix);
    proxy.arm(None);
    (scenario.prepare)(&Stage { world, name: name.clone() });
    proxy.arm(attack);
    (scenario.act)(&Stage { world, name: name.clone() });
    let stage = Stage { world, name: name.clone() };
    let mut is_over = false;
    stage.world.wait_patiently(&format!("{name} to be attacked, or over"), PATIENCE, || {
        is_over = (scenario.is_over)(&stage);
        proxy.has_struck() || is_over
    });
    if attack.is_some() && !proxy.has_struck() {
        return None;
    }
    if attack.is_some_and(|(_, attack, _)| attack.kills()) {
        world.kill_operator();
        proxy.arm(None);
        start(world, proxy);
    }
    let stage = Stage { world, name };
    let ends = || {
        let what = format!("{} to end; writes so far: {:#?}", stage.name, proxy.story());
        stage.world.wait_patiently(&what, PATIENCE, || (scenario.is_over)(&stage));
    };
    ends();
    if attack.is_some_and(|(_, attack, _)| attack == Attack::ArriveLate) {
        proxy.let_arrive();
        ends();
    }
    assert_made(&stage, scenario, proxy);
    Some(end_state(&stage))
}

fn assert_made(stage: &Stage<'_>, scenario: &Scenario, proxy: &Proxy) {
    let (name, story) = (&stage.name, proxy.story());
    assert_eq!(made(stage), scenario.revisions, "{name} makes one revision for each change: {story:#?}");
}
