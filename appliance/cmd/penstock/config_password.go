package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"penstock/appliance/kafka/scram"
)

func newConfigHashPasswordCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hash-password",
		Short: "Read a password from standard input and print what the configuration file holds of it",
		Long: `Read the password of a user of the Kafka listener from standard input, without its line end, and print its verifier as the
kafka-users section of the configuration file wants it. The file never holds a password, and one on a command line would stand in
the list of processes. The user logs in with the mechanism that the verifier is for, or with PLAIN where nobody else can listen.`,
		Example: `  openssl rand -hex 24 | tee password.txt | penstock config hash-password

  kafka-users:
    ada: {password: "SCRAM-SHA-256$…", may: [read, write, admin]}`,
		Args: cobra.NoArgs,
	}
	mechanism := cmd.Flags().String("mechanism", scram.SHA256.Name(), "SCRAM-SHA-256 or SCRAM-SHA-512")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		hash, ok := scram.ParseHash(*mechanism)
		if !ok {
			return &usageError{fmt.Errorf("--mechanism: %q is not one of SCRAM-SHA-256, SCRAM-SHA-512", *mechanism)}
		}
		password, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), keyMost+1))
		if err != nil {
			return err
		}
		password = bytes.TrimRight(password, "\r\n")
		if len(password) == 0 || len(password) > keyMost || bytes.IndexByte(password, 0) >= 0 {
			return &usageError{fmt.Errorf("a password of 1 to %d bytes is due on standard input, without zero bytes", keyMost)}
		}
		salt := make([]byte, scram.SaltUsual)
		if _, err := rand.Read(salt); err != nil {
			return err
		}
		v, err := scram.New(hash, password, salt, scram.RoundsUsual)
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), &v)
		return nil
	}
	return cmd
}
