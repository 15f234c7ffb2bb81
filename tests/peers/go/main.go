// client-go on a server whose kubeconfig is the first argument: a typed informer, a dynamic informer, a metadata informer
// and a leader election. It prints a line for each step that worked, and ends.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

func check(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// until waits until the informer's store has that many objects.
func until(ctx context.Context, what string, store cache.Store, count int) {
	check(wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		return len(store.ListKeys()) == count, nil
	}))
	fmt.Println(what, count)
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	check(err)
	config.ContentType = "application/json" // typed clients send protobuf otherwise, which the server does not read
	typed := kubernetes.NewForConfigOrDie(config)
	factory := informers.NewSharedInformerFactory(typed, 0)
	informer := factory.Core().V1().ConfigMaps().Informer()
	factory.Start(ctx.Done())
	until(ctx, "typed", informer.GetStore(), 3)

	dynamicFactory := dynamicinformer.NewDynamicSharedInformerFactory(dynamic.NewForConfigOrDie(config), 0)
	dynamicInformer := dynamicFactory.ForResource(configMaps).Informer()
	dynamicFactory.Start(ctx.Done())
	until(ctx, "dynamic", dynamicInformer.GetStore(), 3)

	metadataFactory := metadatainformer.NewSharedInformerFactory(metadata.NewForConfigOrDie(config), 0)
	metadataInformer := metadataFactory.ForResource(configMaps).Informer()
	metadataFactory.Start(ctx.Done())
	until(ctx, "metadata", metadataInformer.GetStore(), 3)

	body := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "made"}}
	_, err = typed.CoreV1().ConfigMaps("default").Create(ctx, body, metav1.CreateOptions{})
	check(err)
	until(ctx, "typed", informer.GetStore(), 4)
	until(ctx, "dynamic", dynamicInformer.GetStore(), 4)
	until(ctx, "metadata", metadataInformer.GetStore(), 4)

	lock, err := resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, "default", "leader",
		resourcelock.ResourceLockConfig{Identity: "me"}, config, 10*time.Second)
	check(err)
	led, lead := context.WithCancel(ctx)
	leaderelection.RunOrDie(led, leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: time.Second,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { fmt.Println("leading"); lead() },
			OnStoppedLeading: func() { fmt.Println("released") },
		},
	})
}
