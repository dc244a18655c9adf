//! What is remembered comes back from the status, and nonsense does not.

use super::*;

#[test]
fn what_is_remembered_is_read_back_from_the_status() {
    let key = Key {
        target: TargetArn::parse("arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses").unwrap(),
        parent: Some(TargetArn::parse("arn:aws:iot:eu-central-1:123456789012:thinggroup/Machines").unwrap()),
    };
    let at: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
    for policy in [DeletionPolicy::Retain, DeletionPolicy::Cancel, DeletionPolicy::Delete, DeletionPolicy::Remove] {
        let memory = Memory {
            observed_generation: Some(3),
            ordinal: 7,
            intent: Some(Intent {
                ordinal: 8,
                attempt: 2,
                digest: Digest::recorded("1:ab"),
                redeploy: Some("r".into()),
                cancel: Some("c".into()),
                parent: Some("p".into()),
                cause: Cause::Remove,
                request: "hash".into(),
                base: Some("d-0".into()),
                started_at: at,
            }),
            deployment: Some(OwnDeployment {
                deployment_id: "d-1".into(),
                revision_id: Some("4".into()),
                iot_job_id: Some("job".into()),
                iot_job_arn: Some("arn".into()),
                digest: Some(Digest::recorded("1:cd")),
                generation: Some(3),
                status: Some("ACTIVE".into()),
            }),
            identity: Some("default".to_owned()),
            key: Some(key.clone()),
            deletion_policy: Some(policy),
            applied_tags: Some(AppliedTags { keys: vec!["team".into()], digest: "1:ef".into() }),
            dropped: Some(Keys::recorded(&[("com.example.Press".to_owned(), vec!["/a".to_owned()])].into())),
            foreign: Some(ForeignDeployment { deployment_id: "f-1".into(), redeploy_at: Some("now".into()) }),
            reconcile_at: Some("1".into()),
            redeploy_at: Some("2".into()),
            cancel_at: Some("3".into()),
            remove_timeout: Some(SignedDuration::from_hours(2)),
            progress: Progress { verdict: Some(Verdict::Failed), ..Progress::default() },
            history: vec![RevisionRecord {
                revision_id: Some("4".into()),
                deployment_id: "d-1".into(),
                digest: None,
                generation: Some(3),
                created_at: Some(at),
                outcome: "Failed".into(),
            }],
        };
        let status = memory.to_status();
        assert_eq!(Memory::recall(&status), memory);
        assert_eq!(memory.created_at(), Some(at));
        assert_eq!(
            status.deployment_arn.as_deref(),
            Some("arn:aws:greengrass:eu-central-1:123456789012:deployments:d-1")
        );
    }
}

#[test]
fn a_status_that_makes_no_sense_is_forgotten() {
    let status = GreengrassDeploymentStatus {
        ordinal: Some(-4),
        deletion_policy: Some("Burn".into()),
        verdict: Some("Perhaps".into()),
        ..GreengrassDeploymentStatus::default()
    };
    assert_eq!(Memory::recall(&status), Memory::default());
}
