package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/utils"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// How often Flux looks at what it waits for. Its own default is five seconds; the order of things is the same.
const fluxPollInterval = 250 * time.Millisecond

// applied is what came of one reconcile of a Kustomization with `wait: true`.
type applied struct {
	// Actions are created, configured or unchanged by `Kind/namespace/name`.
	Actions map[string]string `json:"actions"`
	// Error is why the Kustomization is not Ready.
	Error string `json:"error,omitempty"`
}

// fluxApply does to the manifests of the input what Flux's kustomize-controller does in one reconcile with `wait: true`: applies them in
// stages by its own manager, and waits for all of them, until one has failed. NAMESPACE is where they go, TIMEOUT that of the Kustomization.
func fluxApply(arguments []string, in io.Reader, out io.Writer) error {
	if len(arguments) != 2 {
		return fmt.Errorf("usage: flux-apply NAMESPACE TIMEOUT")
	}
	timeout, err := time.ParseDuration(arguments[1])
	if err != nil {
		return err
	}
	objects, err := utils.ReadObjects(in)
	if err != nil {
		return err
	}
	for _, object := range objects {
		object.SetNamespace(arguments[0])
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 50, 300 // as Flux's controllers have it
	kube, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	poller := polling.NewStatusPoller(kube, kube.RESTMapper(), polling.Options{})
	owner := ssa.Owner{Field: "kustomize-controller", Group: "kustomize.toolkit.fluxcd.io"}
	manager := ssa.NewResourceManager(kube, poller, owner)
	manager.SetOwnerLabels(objects, "desk", "flux-system")
	changes, err := manager.ApplyAllStaged(context.Background(), objects, ssa.DefaultApplyOptions())
	if err != nil {
		return err
	}
	said := applied{Actions: map[string]string{}}
	for _, entry := range changes.Entries {
		said.Actions[entry.Subject] = entry.Action.String()
	}
	options := ssa.WaitOptions{Interval: fluxPollInterval, Timeout: timeout, FailFast: true}
	if err := manager.WaitForSet(changes.ToObjMetadataSet(), options); err != nil {
		said.Error = err.Error()
	}
	return json.NewEncoder(out).Encode(said)
}
