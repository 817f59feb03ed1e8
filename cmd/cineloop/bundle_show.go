package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/bundle"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/signing"
)

// bundleInfo is what show and verify say of a bundle, as --json gives it.
type bundleInfo struct {
	Manifest  bundle.Manifest   `json:"manifest"`
	Signature *bundle.Signature `json:"signature"` // null: not signed
	Card      *bundle.Card      `json:"card,omitempty"`
	Verified  bool              `json:"verified"`  // every file was read and has its digest
	SignedBy  string            `json:"signed_by"` // the key's ID; empty: not signed
	Trusted   bool              `json:"trusted"`   // by the key that --pub named
}

func newBundleShowCmd(io ioStreams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show BUNDLE",
		Short: "Print a bundle's card",
		Long: `Prints the model card of a bundle; with --json its manifest, signature and card. What is printed was held against its digest and the
signature, the weights were not: "cineloop bundle verify" reads them too.

Exit status: 0 done, 3 not a bundle, or one that does not hold, 6 not there.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := bundle.Open(args[0])
			if err != nil {
				return err
			}
			defer b.Close()
			if asJSON {
				info := bundleInfo{Manifest: b.Manifest, Signature: b.Signature, Card: &bundle.Card{}}
				if b.Signature != nil {
					info.SignedBy = b.Signature.Key
				}
				if err := b.ReadJSON(bundle.CardFile, info.Card); err != nil {
					return err
				}
				return printJSON(io.Out, info)
			}
			page, err := b.Read(bundle.CardPage)
			if err != nil {
				return err
			}
			if _, err := io.Out.Write(page); err != nil {
				return err
			}
			fmt.Fprintln(io.Out, signatureLine(b))
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func signatureLine(b *bundle.Bundle) string {
	if b.Signature == nil {
		return "not signed"
	}
	return "signed by key " + b.Signature.Key
}

func newBundleVerifyCmd(io ioStreams) *cobra.Command {
	var pub string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify BUNDLE",
		Short: "Check every file of a bundle, and who signed it",
		Long: `Reads every file of a bundle and holds it against the digests in its manifest, and the manifest against the signature. With --pub the
signature must be by that key: without it, a signature says only that nothing was changed since somebody signed.

Exit status: 0 it holds, 3 it does not, or it is not signed by the key, 6 a file is not there.`,
		Example: `  cineloop bundle verify lus.cineloop --pub maker.key.pub`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var key *signing.Public
			if pub != "" {
				p, err := signing.LoadPublic(pub)
				if fault.CodeOf(err) == fault.NotFound && err != nil {
					if q, perr := signing.ParsePublic([]byte(pub)); perr == nil {
						p, err = q, nil
					}
				}
				if err != nil {
					return err
				}
				key = &p
			}
			b, err := bundle.Open(args[0])
			if err != nil {
				return err
			}
			defer b.Close()
			if key != nil {
				if err := b.SignedBy(*key); err != nil {
					return err
				}
			}
			if err := b.Verify(); err != nil {
				return err
			}
			if asJSON {
				info := bundleInfo{Manifest: b.Manifest, Signature: b.Signature, Verified: true, Trusted: key != nil}
				if b.Signature != nil {
					info.SignedBy = b.Signature.Key
				}
				return printJSON(io.Out, info)
			}
			printBundle(io, &b.Manifest)
			switch {
			case key != nil:
				fmt.Fprintf(io.Out, "it holds, and %s\n", signatureLine(b))
			case b.Signature != nil:
				fmt.Fprintf(io.Out, "it holds, and is %s; --pub says whether that is whom you trust\n", signatureLine(b))
			default:
				fmt.Fprintln(io.Out, "it holds, and is not signed: nobody vouches for it")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&pub, "pub", "", "public key that must have signed it: a file, or its 64 hexadecimal digits")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
