# Everything is built as one workspace with one set of features: see tools/run-tests for why.
everything := --workspace --all-targets --locked
programs = $${CARGO_TARGET_DIR:-target}/debug

.DEFAULT_GOAL := help
.PHONY: help build test test-switches soak bench bench-full bench-accept bench-emulator bench-programs image image-check emulator-image e2e-image lint fmt crd demo demo-down clients controlplane clean docs e2e-gitops

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build every program and every test
	cargo build $(everything)

test: ## Run every test, against a real control plane (built the first time, which takes minutes)
	@tools/run-tests

# The other position of every switch. Delays are left out: they change which calls are made, which some tests count.
switches := cancelInactive=alreadyCanceled,deleteBeforeCancel=conflict,tokenReuse=createAnew,thingJobConfiguration=rejected
switches := $(switches),versionRanges=accepted,boundToOtherParent=validation,endedSubdeployment=canceled
switches := $(switches),parentWithoutDeployment=rejected,revisionsAfterDelete=restart,plainList=hidesSubdeployments
switches := $(switches),listOrder=oldestFirst,missingTarget=validation,supersededRevision=canceled,revisionCounter=target
switches := $(switches),latestForTarget=alwaysFalse,abortedDeployment=failed,rolloutQueues=atOnce,jobNamespace=required
switches := $(switches),removedComponentConfiguration=kept,systemInstanceUndeployment=pendingDelete
switches := $(switches),dependencyVersions=newest
switches := $(switches),systemInstanceWithoutDeployment=accepted,systemInstanceMissing=rejected,systemInstanceFilters=all

test-switches: ## Run every test with AWS in the other position of everything that it does not document
	OPERATOR_TEST_SWITCHES=$(switches) tools/run-tests

soak: ## Run the attacks at length; SEED=n begins elsewhere, CHAINS=n makes fewer or more chains of random specs
	OPERATOR_TEST_SOAK=1 MODEL_CHECK_MORE=1 OPERATOR_TEST_SEED=$(or $(SEED),$$(date +%s)) OPERATOR_TEST_CHAINS=$(or $(CHAINS),2000) \
	  cargo test $(everything) -- hours::chains hours::churn hours::configuration attacks:: in_every_state --nocapture

# Eight at once: they wait for devices more than they compute.
e2e-gitops: ## Bring fleets into a cluster with Flux and Argo CD themselves (built the first time, which takes minutes)
	tools/gitops/build
	cargo test $(everything) -- gitops:: --ignored --test-threads 8

bench: bench-programs ## Measure against other ways to do it: 100 and 300 resources (70 min; SYSTEMS=a,b for some)
	bench/run accept --systems "$(SYSTEMS)"
	bench/run measure --plan quick --systems "$(SYSTEMS)"
	bench/run instructions
	bench/run render

bench-full: bench-programs ## Measure up to 10,000 resources, five times (a day)
	bench/run accept --systems "$(SYSTEMS)"
	bench/run measure --plan full --systems "$(SYSTEMS)"
	bench/run instructions
	bench/run render

bench-accept: bench-programs ## What each measured system has to do first
	bench/run accept --systems "$(SYSTEMS)"

bench-emulator: ## Measure the emulator itself: calls a second, how long they take, memory (5 min)
	cargo build --release --package greengrass-emulator --package load --bins --locked
	bench/run emulator
	bench/run render

bench-programs:
	cargo build --release --workspace --bins --locked
	# By itself: with it, the programs would get the features that only tests need.
	cargo build --release --package greengrass-operator-core --example passes --locked

image: ## Build the container image with buildah, no registry needed; ARCH=arm64 for that architecture
	@tools/image/build $(or $(ARCH),amd64)

image-check: ## Prove that one source gives one image; FULL=1 builds the program twice too
	@tools/image/check $(if $(FULL),--program) $(or $(ARCH),amd64)
	@PACKAGE=greengrass-emulator tools/image/check $(if $(FULL),--program) $(or $(ARCH),amd64)

emulator-image: ## Build the emulator's container image in the same way; ARCH=arm64 for that architecture
	@PACKAGE=greengrass-emulator tools/image/build $(or $(ARCH),amd64)

e2e-image: image emulator-image ## Run the images under podman as the chart would, against a real control plane, and look at what is in them
	cargo test $(everything) -- image:: --ignored --nocapture

lint: ## Check format, lints, documentation and dependencies
	cargo fmt --all --check
	cargo clippy $(everything) -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	tools/check-dependencies

fmt: ## Format the code
	cargo fmt --all

crd: build ## Write the custom resource definitions, and the chart's copies of them, anew
	$(programs)/greengrass-operator crd --directory crds
	cp -r crds/. charts/greengrass-operator/files/crds/

docs: ## Build the site of docs/ into target/docs-site (mdBook is built the first time, which takes minutes)
	@tools/site/build

demo: ## Show the operator at work: control plane, emulated AWS, examples; stays up
	@tools/demo up

demo-down: ## Stop the demo and remove what it made
	@tools/demo down

clients: ## Fetch kubectl, helm, the AWS CLI, Prometheus and Chromium, most of them into a cache outside the tree
	@for install in tools/clients/install-*; do if [ -x $$install ]; then $$install || exit 1; fi; done

controlplane: ## Build etcd, kube-apiserver and kube-controller-manager into a cache outside the tree
	@tools/controlplane/build

clean: ## Remove what was built in the tree; the caches outside it stay
	@if [ -d .demo ]; then tools/demo down; fi
	cargo clean
