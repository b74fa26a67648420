// One binary for what makes a machine a node of a Kubernetes cluster: the name it is called by decides which program runs.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	if parent, err := strconv.Atoi(os.Getenv("CONTROL_PLANE_PARENT")); err == nil {
		go exitWithParent(parent)
	}
	switch name := filepath.Base(os.Args[0]); name {
	case "kubelet":
		os.Exit(cli.Run(kubelet.NewKubeletCommand(context.Background())))
	case "kube-proxy":
		os.Exit(cli.Run(proxy.NewProxyCommand()))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	default:
		fmt.Fprintf(os.Stderr, "call me kubelet, kube-proxy or kube-scheduler, not %q\n", name)
		os.Exit(2)
	}
}

// exitWithParent ends the process when whoever started it is gone: tests that are killed leave nothing behind.
// The parent may be gone before this process first looks, so it is told which one to look for.
func exitWithParent(parent int) {
	for os.Getppid() == parent {
		time.Sleep(500 * time.Millisecond)
	}
	os.Exit(1)
}
