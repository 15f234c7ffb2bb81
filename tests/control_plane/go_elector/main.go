// A candidate for a Lease by client-go's leader election, as any Go controller is one:
//
//	elector KUBECONFIG NAMESPACE LEASE_NAME IDENTITY LEASE_DURATION RENEW_DEADLINE RETRY_PERIOD
//
// Durations are Go's, such as 15s. It prints "new leader X" for each leader it sees, "started leading", "stopping" (a leader
// was told to end, and still holds the lease), and "stopped leading" (of a leader alone: the lease is given up or lost).
// SIGTERM and SIGINT make it release the lease and end with 0; a lost lease ends it with 1.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1 "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(2)
	}
}

func duration(text string) time.Duration {
	parsed, err := time.ParseDuration(text)
	check(err)
	return parsed
}

func main() {
	if len(os.Args) != 8 {
		check(fmt.Errorf("seven arguments are needed, not %d", len(os.Args)-1))
	}
	kubeconfig, namespace, name, identity := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	check(err)
	config.ContentType = "application/json"   // typed clients send protobuf otherwise, which test servers may not read
	config.Timeout = duration(os.Args[6]) / 2 // as resourcelock.NewFromKubeconfig does: no request takes the whole deadline
	client, err := coordinationv1.NewForConfig(config)
	check(err)
	ctx, cancel := context.WithCancel(context.Background())
	var leads, ends atomic.Bool
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		ends.Store(true)
		if leads.Load() {
			fmt.Println("stopping") // what a leader does has to be over before the lease is released
		}
		cancel()
	}()
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: name},
			Client:     client,
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
		},
		LeaseDuration:   duration(os.Args[5]),
		RenewDeadline:   duration(os.Args[6]),
		RetryPeriod:     duration(os.Args[7]),
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) {
				leads.Store(true)
				fmt.Println("started leading")
			},
			OnStoppedLeading: func() {
				if leads.Load() { // client-go calls it for a candidate too that never led
					fmt.Println("stopped leading")
				}
			},
			OnNewLeader: func(leader string) { fmt.Println("new leader", leader) },
		},
	})
	check(err)
	elector.Run(ctx)
	if !ends.Load() {
		os.Exit(1)
	}
}
