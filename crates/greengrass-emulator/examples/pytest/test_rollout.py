GROUP = "arn:aws:iot:eu-west-1:123456789012:thinggroup/Canary"

FLEET = {
    "accounts": [
        {
            "account": "123456789012",
            "region": "eu-west-1",
            "groups": [{"name": "Canary"}],
            "devices": [{"name": "core-##", "count": 20, "groups": ["Canary"]}],
            "rules": [{"component": "com.example.Hello", "version": "1.0.1", "outcome": "componentBroken"}],
        }
    ]
}


def deploy(emulator, version, **more):
    greengrass = emulator.client("greengrassv2")
    created = greengrass.create_deployment(
        targetArn=GROUP, components={"com.example.Hello": {"componentVersion": version}}, **more
    )
    return created["deploymentId"], created["iotJobId"]


def test_twenty_devices_take_a_deployment(emulator):
    emulator.admin("POST", "fleet", FLEET)
    _, job = deploy(emulator, "1.0.0")
    emulator.let_pass(60)
    details = emulator.client("iot").describe_job(jobId=job)["job"]["jobProcessDetails"]
    assert details["numberOfSucceededThings"] == 20


def test_a_rollout_that_fails_is_stopped(emulator):
    emulator.admin("POST", "fleet", FLEET)
    criteria = {"failureType": "FAILED", "action": "CANCEL", "thresholdPercentage": 50, "minNumberOfExecutedThings": 5}
    slowly = {"jobExecutionsRolloutConfig": {"maximumPerMinute": 12}, "abortConfig": {"criteriaList": [criteria]}}
    deployment, job = deploy(emulator, "1.0.1", iotJobConfiguration=slowly)
    emulator.let_pass(600)
    greengrass, iot = emulator.client("greengrassv2"), emulator.client("iot")
    assert greengrass.get_deployment(deploymentId=deployment)["deploymentStatus"] == "CANCELED"
    assert iot.describe_job(jobId=job)["job"]["jobProcessDetails"]["numberOfFailedThings"] < 20
    failed = greengrass.list_effective_deployments(coreDeviceThingName="core-01")["effectiveDeployments"][0]
    assert failed["statusDetails"]["errorStack"][-1] == "COMPONENT_BROKEN"
