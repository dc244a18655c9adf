// An operator for GreengrassDeployments on controller-runtime and aws-sdk-go-v2, to measure ours against: flags, manager.
// I/O: starts the manager.
package main

import (
	"context"
	"flag"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"greengrass-operator/bench/peers/go/api"
)

func main() {
	driftInterval := flag.Duration("drift-interval", 5*time.Minute, "how often a deployment is compared with AWS")
	concurrency := flag.Int("concurrency", 32, "how many resources are worked on at once")
	metricsAddress := flag.String("metrics-address", "127.0.0.1:8080", "address and port of /metrics; 0 for none")
	healthAddress := flag.String("health-address", "127.0.0.1:8081", "address and port of /healthz and /readyz; 0 for none")
	elect := flag.Bool("leader-elect", false, "elect a leader among replicas")
	namespace := flag.String("lease-namespace", "default", "where the lease is")
	flag.Parse()
	ctrl.SetLogger(zap.New())
	if err := run(ctrl.SetupSignalHandler(), *driftInterval, *concurrency, *metricsAddress, *healthAddress, *elect, *namespace); err != nil {
		ctrl.Log.Error(err, "the operator has failed")
		os.Exit(1)
	}
}

func run(ctx context.Context, driftInterval time.Duration, concurrency int, metricsAddress, healthAddress string, elect bool, namespace string) error {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	if err := api.AddToScheme(scheme); err != nil {
		return err
	}
	leaseDuration, renewDeadline, retryPeriod := 15*time.Second, 10*time.Second, 2*time.Second
	manager, err := ctrl.NewManager(ctrl.GetConfigOrDie(), ctrl.Options{
		Scheme:                        scheme,
		Cache:                         cache.Options{DefaultTransform: cache.TransformStripManagedFields()},
		Metrics:                       server.Options{BindAddress: metricsAddress},
		HealthProbeBindAddress:        healthAddress,
		LeaderElection:                elect,
		LeaderElectionID:              "bench-peer.greengrass-operator.dev",
		LeaderElectionNamespace:       namespace,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &leaseDuration,
		RenewDeadline:                 &renewDeadline,
		RetryPeriod:                   &retryPeriod,
	})
	if err != nil {
		return err
	}
	if err := manager.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	if err := manager.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	configuration, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	r := &reconciler{
		Client: manager.GetClient(), greengrass: greengrassv2.NewFromConfig(configuration), driftInterval: driftInterval,
	}
	// Deletion moves the generation too, since there is a finalizer.
	err = ctrl.NewControllerManagedBy(manager).
		For(&api.GreengrassDeployment{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: concurrency}).
		Complete(r)
	if err != nil {
		return err
	}
	return manager.Start(ctx)
}
