package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/deid/escrow"
	"github.com/cineloop/cineloop/internal/fault"
)

// openEscrow is the book of a run and who it is sealed for; nil if none is asked for.
func openEscrow(opts deidOptions) (*escrow.Book, []age.Recipient, error) {
	if (opts.Escrow == "") != (opts.EscrowFor == "") {
		return nil, nil, fault.New(fault.Usage, "--escrow and --escrow-for belong together")
	}
	if opts.Escrow == "" {
		return nil, nil, nil
	}
	out, err := filepath.Abs(opts.Out)
	if err != nil {
		return nil, nil, fault.New(fault.Usage, "%w", err)
	}
	file, err := filepath.Abs(opts.Escrow)
	if err != nil {
		return nil, nil, fault.New(fault.Usage, "%w", err)
	}
	if strings.HasPrefix(file, out+string(filepath.Separator)) {
		return nil, nil, fault.New(fault.Usage, "the escrow holds patients' data: it must not be in the output folder")
	}
	if _, err := os.Stat(opts.Escrow); err == nil {
		return nil, nil, fault.New(fault.Conflict, "%s is there already: an escrow is not replaced", opts.Escrow)
	}
	to, err := escrow.Recipients(opts.EscrowFor)
	return escrow.New(), to, err
}

func newDeidEscrowCmd(io ioStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "escrow",
		Short: "The way back from pseudonyms, for who holds its key",
		Long: `An escrow is a file, sealed with age, that says what the pseudonyms of a run stand for. Keep its identity apart from the project's key and from the
output: who has it can name the patients.

  cineloop deid escrow keygen trustee.key        prints the recipient, "age1…"
  cineloop deid IN OUT --key project.key --escrow run1.age --escrow-for age1…
  cineloop deid escrow lookup PABC… run1.age --identity trustee.key`,
	}
	var identity, to string
	read := func(paths []string) (*escrow.Book, error) {
		if identity == "" {
			return nil, fault.New(fault.Usage, "--identity is needed: the file with the age identity")
		}
		ids, err := escrow.Identities(identity)
		if err != nil {
			return nil, err
		}
		b := escrow.New()
		for _, p := range paths {
			if err := b.Read(p, ids...); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	keygen := &cobra.Command{Use: "keygen FILE", Short: "Make the pair that opens escrows: the identity into FILE, the recipient to the screen", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			id, err := age.GenerateX25519Identity()
			if err != nil {
				return err
			}
			f, err := os.OpenFile(args[0], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return fault.New(fault.Conflict, "%w", err)
			}
			if _, err := fmt.Fprintln(f, id); err != nil {
				f.Close()
				return err
			}
			fmt.Fprintln(io.Out, id.Recipient())
			return f.Close()
		}}
	lookup := &cobra.Command{Use: "lookup CODE ESCROW...", Short: "Say what a pseudonym stands for; the output is patient data", Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := read(args[1:])
			if err != nil {
				return err
			}
			found := b.Find(args[0])
			if len(found) == 0 {
				return fault.New(fault.NotFound, "no entry of that pseudonym")
			}
			for _, e := range found {
				fmt.Fprintf(io.Out, "%s\t%s\t%s\tdates moved by %d days\n", e.Kind, e.Original, e.Name, e.Days)
			}
			return nil
		}}
	rotate := &cobra.Command{Use: "rotate NEW OLD...", Short: "Seal escrows again, as one, for other recipients", Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := escrow.Recipients(to)
			if err != nil {
				return err
			}
			b, err := read(args[1:])
			if err != nil {
				return err
			}
			if _, err := os.Stat(args[0]); err == nil {
				return fault.New(fault.Conflict, "%s is there already", args[0])
			}
			return b.Write(args[0], r...)
		}}
	export := &cobra.Command{Use: "export ESCROW...", Short: "Print escrows as CSV, in the clear", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := read(args)
			if err != nil {
				return err
			}
			return b.Export(io.Out)
		}}
	imports := &cobra.Command{Use: "import CSV NEW", Short: "Seal a table in the form that export prints", Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := escrow.Recipients(to)
			if err != nil {
				return err
			}
			data, err := os.ReadFile(args[0])
			if err != nil {
				return fault.New(fault.NotFound, "%w", err)
			}
			b := escrow.New()
			if err := b.Import(data); err != nil {
				return err
			}
			if _, err := os.Stat(args[1]); err == nil {
				return fault.New(fault.Conflict, "%s is there already", args[1])
			}
			return b.Write(args[1], r...)
		}}
	for _, c := range []*cobra.Command{lookup, rotate, export} {
		c.Flags().StringVar(&identity, "identity", "", "file with the age identity")
	}
	for _, c := range []*cobra.Command{rotate, imports} {
		c.Flags().StringVar(&to, "for", "", "age recipients, with commas")
	}
	cmd.AddCommand(keygen, lookup, rotate, export, imports)
	return cmd
}
