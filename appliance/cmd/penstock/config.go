package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"penstock/appliance"
	"penstock/appliance/config"
)

func newConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check and print the configuration",
		Long: `Check and print the configuration that 'penstock serve' would run with, given the same file, environment and flags.

A flag wins over the environment, the environment over the file, the file over the default.`,
		Example: "  penstock config check --config penstock.yaml\n  penstock config print",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigCheckCommand(), newConfigPrintCommand(), newConfigHashKeyCommand(), newConfigHashPasswordCommand())
	return cmd
}

func newConfigCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "check",
		Short:   "Say whether the configuration can be run, and all that is wrong with it",
		Example: "  penstock config check --config penstock.yaml",
		Args:    cobra.NoArgs,
	}
	load := addSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		e, err := load()
		if err != nil {
			return err
		}
		for _, warning := range e.Warnings {
			fmt.Fprintln(cmd.OutOrStdout(), "warning:", warning)
		}
		fmt.Fprintln(cmd.OutOrStdout(), "the configuration is good")
		return nil
	}
	return cmd
}

func newConfigPrintCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "print",
		Short: "Print every setting with its value and where that came from, as a configuration file",
		Example: `  penstock config print
  PENSTOCK_SHARDS=4 penstock config print --config penstock.yaml --ack log > effective.yaml`,
		Args: cobra.NoArgs,
	}
	load := addSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		e, err := load()
		if err != nil {
			return err
		}
		return e.Print(cmd.OutOrStdout())
	}
	return cmd
}

func newConfigHashKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "hash-key",
		Short: "Read a tenant's key from standard input and print what the configuration file holds of it",
		Long: `Read a tenant's key from standard input, without its line end, and print its SHA-256 as the tenants section of the configuration
file wants it. The file never holds a key, and a key on a command line would stand in the list of processes. Keys must be long and
random, as 'openssl rand -hex 24' makes them: a hash does not hide a key that can be guessed.`,
		Example: `  openssl rand -hex 24 | tee key.txt | penstock config hash-key

  tenants:
    acme: {keys: ["sha256:…"], wires: [cloudwisdom, stackstate]}`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			key, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), keyMost+1))
			if err != nil {
				return err
			}
			key = bytes.TrimRight(key, "\r\n")
			if len(key) == 0 || len(key) > keyMost {
				return &usageError{fmt.Errorf("a key of 1 to %d bytes is due on standard input", keyMost)}
			}
			fmt.Fprintln(cmd.OutOrStdout(), config.HashKey(key))
			return nil
		},
	}
}

// keyMost is the longest key: it must fit a header's line.
const keyMost = 4096

// addSettings gives a command --config and a flag for every setting, and returns what loads the configuration once they are parsed.
func addSettings(cmd *cobra.Command) (load func() (*config.Effective, error)) {
	flags := cmd.Flags()
	flags.SortFlags = false
	file := flags.String("config", "", "YAML `file` of settings (environment "+config.FileEnv+")")
	given := map[string]string{}
	for i := range config.Settings() {
		setting := &config.Settings()[i]
		flags.Var(&settingFlag{setting: setting, given: given}, setting.Name, setting.Help)
	}
	return func() (*config.Effective, error) {
		e, err := config.Load(config.Sources{File: *file, Environ: os.Environ(), Flags: given})
		if err == nil {
			err = appliance.Check(&e.Config)
		}
		if err != nil {
			return nil, &usageError{err}
		}
		return e, nil
	}
}

// settingFlag is a setting as a flag. It keeps the text that was given, for config.Load to put in its place; a value that does not
// read is refused at once.
type settingFlag struct {
	setting *config.Setting
	given   map[string]string
}

func (f *settingFlag) Set(text string) error {
	var scratch config.Config
	if err := f.setting.Value(&scratch).Set(text); err != nil {
		return err
	}
	f.given[f.setting.Name] = text
	return nil
}

func (f *settingFlag) String() string {
	if f.setting == nil {
		return "" // the flag library asks a zero value what it looks like
	}
	if text, ok := f.given[f.setting.Name]; ok {
		return text
	}
	return f.setting.Default
}

func (f *settingFlag) Type() string { return f.setting.Value(new(config.Config)).Type() }
