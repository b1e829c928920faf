// Command penstock is the appliance and everything that is done with one: serve it, read it, look after its files.
//
// Each verb has its file. Nothing here knows how a record is kept or parsed.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// The exit codes, as help tells them.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

const exitCodesHelp = `Exit codes: 0 all went well, 1 it failed, 2 the command line or the configuration is wrong and nothing was done.`

// usageError is a command line or a configuration that can't be followed: exit code 2.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program but for the process around it.
func run(args []string, stdout, stderr io.Writer) (exit int) {
	root := newRootCommand(stdout, stderr)
	root.SetArgs(args)
	cmd, err := root.ExecuteC()
	if err == nil {
		return exitOK
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(stderr, "penstock: %s\n", strings.TrimSuffix(line, "\n"))
	}
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(stderr, "See '%s --help'.\n", cmd.CommandPath())
		return exitUsage
	}
	return exitFailed
}

func newRootCommand(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "penstock",
		Short: "An ingest appliance: it takes events in, keeps what it acknowledged, and shows it",
		Long: `Penstock takes events in over the wires of several ingest systems, keeps what it acknowledged in a log on disk,
and lets you follow that log.

` + exitCodesHelp,
		Example: `  penstock serve
  curl -H 'topic: clicks' -d '{"user":"u42"}' http://127.0.0.1:8080/add_events
  penstock tail clicks --follow`,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(newServeCommand(), newTailCommand(), newTopicCommand(), newPromoteCommand(), newDemoteCommand(), newLogCommand(), newSendCommand(), newConfigCommand(), newDoctorCommand(), newVersionCommand())
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.InitDefaultCompletionCmd() // it remembers stdout
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.Example = "  source <(penstock completion bash)\n  penstock completion zsh > \"${fpath[1]}/_penstock\""
			for _, shell := range cmd.Commands() {
				shell.Example = "  penstock completion " + shell.Name()
			}
		}
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	markUsageErrors(root)
	return root
}

// unknownCommand is the root's arguments: it takes none, so what is there was meant to be a command.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("there is no command %q", args[0])
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return errors.New(text)
}

// markUsageErrors makes what a command says about its arguments a usage error. A command that only holds others knows the names
// of those and no other.
func markUsageErrors(cmd *cobra.Command) {
	check := cmd.Args
	if cmd.HasSubCommands() {
		check = unknownCommand
	}
	if check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return &usageError{err}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		markUsageErrors(sub)
	}
}
