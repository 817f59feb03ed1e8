package main

import (
	"context"
	"fmt"
	stdio "io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/batch"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

func newDeidKeygenCmd(_ ioStreams) *cobra.Command {
	return &cobra.Command{
		Use:   "keygen FILE",
		Short: "Make a project's secret",
		Long: `Writes a new key to FILE, readable by its owner alone. Keep it on the side of the patients: who has it can confirm guesses, and without it later
data of the same patients get other pseudonyms. FILE must not be there yet.

Exit status: 0 done, 7 FILE is there already.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := os.OpenFile(args[0], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if os.IsExist(err) {
				return fault.New(fault.Conflict, "%s is there already: a key is not replaced", args[0])
			}
			if err != nil {
				return fault.New(fault.Input, "%w", err)
			}
			if _, err := f.Write(deid.NewKey().Text()); err != nil {
				f.Close()
				return fault.New(fault.Input, "%w", err)
			}
			return f.Close()
		},
	}
}

func newDeidPolicyCmd(io ioStreams) *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "See what a policy says and does"}
	var policy, key string
	explain := &cobra.Command{
		Use:   "explain TAG|FILE",
		Short: "Say what happens to an attribute, or to each element of a file, and which row of which table says so",
		Long: `TAG is a keyword (PatientName), a tag (0010,0010), or for private elements a creator, group and element ("SIEMENS MR HEADER",0019,0C). With a file
every element is listed; nothing of its values is printed.

Exit status: 0 done, 2 wrong usage, 3 FILE is no DICOM, 6 neither an attribute nor a file.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runDeidExplain(policy, key, args[0], io) },
	}
	explain.Flags().StringVar(&policy, "policy", "research", "policy file, or the name of a built-in policy")
	show := &cobra.Command{
		Use:   "show NAME|FILE",
		Short: "Print a policy in full, as a start for one's own",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := deid.LoadPolicy(args[0])
			if err != nil {
				return err
			}
			b, err := p.YAML()
			if err != nil {
				return err
			}
			fmt.Fprintf(io.Out, "# sha256 %s\n%s", p.Digest(), b)
			return nil
		},
	}
	list := &cobra.Command{
		Use:   "list",
		Short: "Name the built-in policies",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			for _, n := range deid.Presets() {
				fmt.Fprintln(io.Out, n)
			}
			return nil
		},
	}
	var name string
	imported := &cobra.Command{
		Use:   "import FILE",
		Short: "Make a policy of a CTP script or of a keepList or removeList",
		Long: `Prints the policy; what could not be carried over is said in comments at its head. Nothing is weaker than the Basic Profile but what the rules name: attributes
that they keep are cleaned of the patient's own words, UIDs and identifiers that they keep become pseudonyms.

Exit status: 0 done, 3 FILE is neither.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := os.ReadFile(args[0])
			if err != nil {
				return fault.New(fault.NotFound, "%w", err)
			}
			in, err := deid.ImportRules(name, data)
			if err != nil {
				return err
			}
			for _, l := range in.Left {
				fmt.Fprintf(io.Out, "# not carried over: %s\n", l)
			}
			b, err := in.Policy.YAML()
			if err != nil {
				return err
			}
			_, err = io.Out.Write(b)
			return err
		},
	}
	imported.Flags().StringVar(&name, "name", "imported", "the policy's name")
	cmd.AddCommand(explain, show, list, imported)
	return cmd
}

func runDeidExplain(policy, _, what string, io ioStreams) error {
	p, err := deid.LoadPolicy(policy)
	if err != nil {
		return err
	}
	pr, err := p.Compile()
	if err != nil {
		return err
	}
	if parts := strings.Split(what, ","); len(parts) == 3 {
		var g, e uint16
		if _, err := fmt.Sscanf(parts[1]+" "+parts[2], "%x %x", &g, &e); err == nil && g&1 == 1 {
			r := pr.PrivateRule(strings.TrimSpace(parts[0]), tag.New(g, 0x1000|e&0xFF))
			fmt.Fprintf(io.Out, "%s: %s\n", r.Action, r.Why)
			return nil
		}
	}
	if t, err := deid.ParseTag(what); err == nil {
		r := pr.Rule(t, t.VR())
		fmt.Fprintf(io.Out, "%v %s %v\n%s: %s\n", t, t.Keyword(), t.VR(), r.Action, r.Why)
		return nil
	}
	if _, err := os.Stat(what); err != nil {
		return fault.New(fault.NotFound, "%q is no attribute, and no file of that name is there", what).WithHint("attributes are named PatientName, 0010,0010 or, private ones, CREATOR,0019,0C")
	}
	f, err := dicom.Open(what)
	if err != nil {
		return err
	}
	defer f.Close()
	res, err := pr.Explain(deid.NewKey(), f.DataSet)
	if err != nil {
		return err
	}
	if res.Report.Withheld != "" {
		fmt.Fprintf(io.Out, "the whole object is held back: %s\n", res.Report.Withheld)
		return nil
	}
	return printChanges(io.Out, res.Report.Changes, false)
}

func printChanges(out stdio.Writer, changes []deid.Change, values bool) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, c := range changes {
		fmt.Fprintf(w, "%s\t%s\t%v\t%s\t%s", c.Path, c.Tag.Keyword(), c.VR, c.Rule.Action, c.Rule.Why)
		if values && c.Before != c.After {
			fmt.Fprintf(w, "\t%q -> %q", cut(c.Before), cut(c.After))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

func cut(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// dryRunDeid prints what would become of each element of one file, values included.
func dryRunDeid(opts deidOptions, pr *deid.Profile, key *deid.Key, io ioStreams) error {
	if st, err := os.Stat(opts.In); err != nil {
		return fault.New(fault.NotFound, "%w", err)
	} else if st.IsDir() {
		return fault.New(fault.Usage, "--dry-run shows one file; %s is a folder", opts.In)
	}
	f, err := dicom.Open(opts.In)
	if err != nil {
		return err
	}
	defer f.Close()
	res, err := pr.Explain(key, f.DataSet)
	if err != nil {
		return err
	}
	if res.Report.Withheld != "" {
		fmt.Fprintf(io.Out, "the whole object is held back: %s\n", res.Report.Withheld)
		return nil
	}
	if err := printChanges(io.Out, res.Report.Changes, true); err != nil {
		return err
	}
	m, err := deidMasker(pr).Mask(context.Background(), deid.MaskInput{File: f, Pixels: pr.Policy.Pixels, Tokens: res.Words()})
	if err != nil {
		return err
	}
	switch m.Verdict {
	case deid.Quarantine:
		fmt.Fprintf(io.Out, "pixels: held back: %s\n", m.Reason)
	case deid.Untouched:
		fmt.Fprintln(io.Out, "pixels: unchanged")
	case deid.Blanked:
		fmt.Fprintf(io.Out, "pixels: %d regions blanked\n", len(m.Regions))
	}
	return nil
}

func newDeidVerifyCmd(io ioStreams) *cobra.Command {
	var keyFile string
	cmd := &cobra.Command{
		Use:   "verify OUT",
		Short: "Hold a manifest against its chain, its signature and the outputs",
		Long: `Reads OUT/manifest.jsonl, its signature and every output that it names.

Exit status: 0 everything holds, 3 something was changed, 6 no manifest.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var k *deid.Key
			if keyFile != "" {
				var err error
				if k, err = deid.LoadKey(keyFile); err != nil {
					return err
				}
			}
			if err := batch.CheckManifest(args[0], k); err != nil {
				return err
			}
			fmt.Fprintln(io.Out, "the manifest, its signature and all outputs hold")
			return nil
		},
	}
	cmd.Flags().StringVar(&keyFile, "key", "", "the project's key: says that it was this key that signed")
	return cmd
}
