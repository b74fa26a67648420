package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// question is one line of input: an object as the API server shows it, and the Lua of its kind.
type question struct {
	Object *unstructured.Unstructured `json:"object"`
	// HealthLua is what argocd-cm has for the kind; without it Argo CD's own scripts are asked.
	HealthLua string `json:"healthLua"`
	// DiscoveryLua and ActionLua are one action of the kind and what tells which actions there are.
	DiscoveryLua string `json:"discoveryLua"`
	ActionLua    string `json:"actionLua"`
}

// answer is one line of output: what Argo CD and Flux make of the object.
type answer struct {
	Health         *health.HealthStatus      `json:"health,omitempty"`
	KStatus        string                    `json:"kstatus,omitempty"`
	KStatusMessage string                    `json:"kstatusMessage,omitempty"`
	Actions        []v1alpha1.ResourceAction `json:"actions,omitempty"`
	Acted          map[string]any            `json:"acted,omitempty"`
	Error          string                    `json:"error,omitempty"`
}

// read answers each question of the input, one JSON object a line, until its end.
func read(_ []string, in io.Reader, out io.Writer) error {
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var asked question
		if err := decoder.Decode(&asked); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("the question cannot be read: %w", err)
		}
		said, err := answerTo(asked)
		if err != nil {
			said = answer{Error: err.Error()}
		}
		if err := encoder.Encode(said); err != nil {
			return err
		}
	}
}

func answerTo(asked question) (answer, error) {
	object := asked.Object
	key := object.GroupVersionKind().Group + "/" + object.GetKind()
	overrides := lua.ResourceHealthOverrides{key: v1alpha1.ResourceOverride{HealthLua: asked.HealthLua}}
	// The very function by which the application controller judges a resource: built-in rules, deletion, then the Lua.
	seen, err := health.GetResourceHealth(object, overrides)
	if err != nil {
		return answer{}, fmt.Errorf("health: %w", err)
	}
	flux, err := status.Compute(object)
	if err != nil {
		return answer{}, fmt.Errorf("kstatus: %w", err)
	}
	said := answer{Health: seen, KStatus: flux.Status.String(), KStatusMessage: flux.Message}
	// The Lua has no libraries, as users' Lua has none in Argo CD.
	machine := lua.VM{}
	if asked.DiscoveryLua != "" {
		if said.Actions, err = machine.ExecuteResourceActionDiscovery(object, []string{asked.DiscoveryLua}); err != nil {
			return answer{}, fmt.Errorf("discovery: %w", err)
		}
	}
	if asked.ActionLua != "" {
		acted, err := machine.ExecuteResourceAction(object, asked.ActionLua, nil)
		if err != nil {
			return answer{}, fmt.Errorf("action: %w", err)
		}
		if len(acted) != 1 {
			return answer{}, fmt.Errorf("the action changes %d objects, not one", len(acted))
		}
		said.Acted = acted[0].UnstructuredObj.Object
	}
	return said, nil
}
