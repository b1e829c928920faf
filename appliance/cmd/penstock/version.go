package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"penstock/appliance"
)

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version, the commit it was built from, and the Go release that built it",
		Example: "  penstock version",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), appliance.ThisBuild())
			return err
		},
	}
}
