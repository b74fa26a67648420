// One binary for what the tests of GitOps need: the name it is called by decides which one runs.
// The programs of Argo CD are its own; `gitops-read` is the part of Argo CD and of Flux that reads objects, `flux-apply` the part of Flux that
// applies and waits, as filters.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	applicationcontroller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	applicationset "github.com/argoproj/argo-cd/v3/cmd/argocd-applicationset-controller/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/spf13/cobra"
)

var programs = map[string]func() *cobra.Command{
	"argocd-application-controller":    applicationcontroller.NewCommand,
	"argocd-applicationset-controller": applicationset.NewCommand,
	"argocd-repo-server":               reposerver.NewCommand,
}

var filters = map[string]func(arguments []string, in io.Reader, out io.Writer) error{
	"gitops-read": read,
	"flux-apply":  fluxApply,
}

func main() {
	if parent, err := strconv.Atoi(os.Getenv("GITOPS_TOOLS_PARENT")); err == nil {
		go exitWithParent(parent)
	}
	name := filepath.Base(os.Args[0])
	if filter, ok := filters[name]; ok {
		if err := filter(os.Args[1:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	newCommand, ok := programs[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "there is no program %q here\n", name)
		os.Exit(2)
	}
	if err := newCommand().Execute(); err != nil {
		os.Exit(1)
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
