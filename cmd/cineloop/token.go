package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/internal/access"
	"github.com/cineloop/cineloop/internal/fault"
)

type tokenOptions struct {
	File  string
	Name  string
	Roles []string
	For   time.Duration
	JSON  bool
}

func init() { register(newTokenCmd) }

func newTokenCmd(io ioStreams) *cobra.Command {
	var opts tokenOptions
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Who may use what is served: add, list, remove tokens",
		Long: `A token is a secret that a program or a person shows to a cineloop that serves. A file keeps their names, roles and SHA-256; the token
itself is shown once, when it is made. A running service sees changes of the file at once.

Roles: read sees what is there, write adds to it, admin does everything. Write alone does not let read.

Exit status: 0 done, 2 wrong usage, 3 the file is damaged, 6 the file or the token is not there, 7 there is a token with this name.`,
		Args: cobra.NoArgs,
	}
	add := &cobra.Command{Use: "add FILE NAME --role ROLE", Short: "Make a token and print it", Args: cobra.ExactArgs(2),
		Long: `Makes a token, notes its digest in FILE (made if it is not there, readable by its owner only) and prints the token on a line of its own.

Exit status: 0 done, 2 a wrong name or role, 3 the file is damaged, 7 there is a token with this name.`,
		Example: `  cineloop token add tokens.yaml viewer-cardiology --role read
  cineloop token add tokens.yaml gateway --role write --for 8760h`,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.File, opts.Name = args[0], args[1]
			return runTokenAdd(cmd.Context(), opts, io)
		}}
	add.Flags().StringSliceVar(&opts.Roles, "role", nil, "read, write, admin (repeatable)")
	add.Flags().DurationVar(&opts.For, "for", 0, "how long it is valid; 0: until it is removed")
	list := &cobra.Command{Use: "list FILE", Short: "List names, roles and times", Args: cobra.ExactArgs(1),
		Long: "Lists the tokens of FILE; the secrets are not in it.\n\nExit status: 0 done, 3 the file is damaged, 6 it is not there.",
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.File = args[0]
			return runTokenList(cmd.Context(), opts, io)
		}}
	list.Flags().BoolVar(&opts.JSON, "json", false, "one JSON object a line")
	remove := &cobra.Command{Use: "remove FILE NAME", Short: "Make a token invalid", Args: cobra.ExactArgs(2),
		Long: "Removes a token from FILE: running services refuse it, and the sessions it opened, at once.\n\nExit status: 0 done, 3 the file is damaged, 6 the file or the token is not there.",
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.File, opts.Name = args[0], args[1]
			return access.Remove(opts.File, opts.Name)
		}}
	cmd.AddCommand(add, list, remove)
	return cmd
}

func runTokenAdd(_ context.Context, opts tokenOptions, io ioStreams) error {
	if opts.For < 0 {
		return fault.New(fault.Usage, "--for is a time to come")
	}
	var expires time.Time
	if opts.For > 0 {
		expires = time.Now().Add(opts.For)
	}
	roles := make([]access.Role, len(opts.Roles))
	for i, r := range opts.Roles {
		roles[i] = access.Role(r)
	}
	token, err := access.Add(opts.File, opts.Name, roles, expires)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(io.Out, token)
	return err
}

func runTokenList(_ context.Context, opts tokenOptions, io ioStreams) error {
	list, err := access.ReadTokens(opts.File)
	if err != nil {
		return err
	}
	for _, t := range list {
		expires := ""
		if !t.Expires.IsZero() {
			expires = t.Expires.Format(time.RFC3339)
		}
		if opts.JSON {
			if err := json.NewEncoder(io.Out).Encode(map[string]any{"name": t.Name, "roles": t.Roles, "created": t.Created.Format(time.RFC3339), "expires": expires}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(io.Out, "%-24s %-20s created %s", t.Name, fmt.Sprint(t.Roles), t.Created.Format("2006-01-02"))
		if expires != "" {
			fmt.Fprintf(io.Out, ", expires %s", expires)
		}
		fmt.Fprintln(io.Out)
	}
	return nil
}
