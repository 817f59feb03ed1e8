package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/web/reading/oidc"
)

// annotateIdentity are the sub-commands about who members are.
var annotateIdentity = []annotateCommand{
	{use: "oidc", short: "Check the organisation's log-in", run: runAnnotateOIDC,
		long: `Reads oidc.yaml in the project's folder, with which members log in at their organisation's identity provider (OpenID Connect; docs/how-to/
reading-server-identity.md has the keys), says which addresses have to be registered there, asks the provider for its discovery document and its keys,
and compares clocks. Nobody is logged in.

Exit status: 0 the provider answers, 2 a wrong key in oidc.yaml, or a secret that others can read, 4 the provider does not answer, 6 no such project, no
oidc.yaml or no secret.`,
		example: `  cineloop annotate oidc study`},
}

func runAnnotateOIDC(ctx context.Context, o annotateOptions, io ioStreams) error {
	if _, _, err := annotate.OpenReadOnly(o.Project); err != nil {
		return err
	}
	c, err := oidc.Open(o.Project)
	if err != nil {
		return err
	}
	if !o.JSON {
		fmt.Fprintf(io.Out, "issuer           %s\nclient           %s\nredirect URI     %s\nafter logout     %s\nmembers by       %s\n", c.Issuer, c.Client, c.RedirectURI(), c.URL+oidc.LoginPath, c.Claim)
	}
	ahead, err := c.Check(ctx)
	if err != nil {
		return err
	}
	if o.JSON {
		return json.NewEncoder(io.Out).Encode(map[string]any{"issuer": c.Issuer, "client": c.Client, "redirect_uri": c.RedirectURI(), "post_logout_redirect_uri": c.URL + oidc.LoginPath,
			"claim": c.Claim, "clock_ahead_seconds": ahead.Seconds()})
	}
	fmt.Fprintf(io.Out, "the issuer answers; its clock is %v ahead\n", ahead)
	if ahead.Abs() > oidc.Skew {
		fmt.Fprintf(io.Err, "the clocks differ by more than %v: log-ins will fail\n", oidc.Skew)
	}
	return nil
}
