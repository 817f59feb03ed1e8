package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/agree"
	"github.com/cineloop/cineloop/annotate/export"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/signing"
)

var annotateResults = []annotateCommand{
	{use: "adjudicate", short: "Settle disagreements by a rule, or send them to adjudicators", run: runAnnotateAdjudicate,
		long: `Without --method it lists what readers disagree on beyond the protocol's limits. With --method majority, mean, median or staple the rule is applied
to the cases with a disagreement and the results become readings that name what they come from; panel takes the majority of the
adjudicators' decisions. With --to the cases are sent to these adjudicators, who decide on the pictures. --dry-run says what would be done.

Exit status: 0 done, 2 not allowed, or no such rule, 3 an adjudicator who has read a case, 6 no such project, 7 a case is with them already.`,
		example: `  cineloop annotate adjudicate study
  cineloop annotate adjudicate study --to dora --as cora
  cineloop annotate adjudicate study --method median --as cora`,
		flags: func(c *cobra.Command, o *annotateOptions) {
			c.Flags().StringVar(&o.Method, "method", "", "majority, mean, median, staple, panel")
			c.Flags().StringSliceVar(&o.To, "to", nil, "adjudicators")
			c.Flags().StringVar(&o.Due, "due", "", "date by which they are to decide, 2026-12-31")
			c.Flags().BoolVar(&o.DryRun, "dry-run", false, "only say what would be done")
		}},
	{use: "export", short: "Write readings for other programs", run: runAnnotateExport,
		long: `Writes the locked readings into the new folder --out, with a manifest of digests. Readers are masked. Formats: csv (one row an answer), coco (COCO's
JSON, with shapes, masks and labels), nifti (a volume for every mask), sr (a DICOM structured report a reading, TID 1500), seg (a DICOM
segmentation an image and reading), gsps (a DICOM presentation state with the shapes, an image and reading), sc (frames with shapes, masks and values
drawn into the pixels, as a DICOM secondary capture). DICOM results carry the patient
and study of the pictures, whose files must be there. With --as the export is noted in the project's log, and is only allowed when reading is over.

Exit status: 0 done, 2 no such format, or not allowed, 3 no protocol yet, 6 no such project, or a picture is gone, 7 the folder is not empty,
or a picture is another one, 8 out of disk.`,
		example: `  cineloop annotate export study --format csv,coco,nifti --out results --as cora
  cineloop annotate export study --format sr,seg,gsps,sc --out dicom --as cora`,
		flags: func(c *cobra.Command, o *annotateOptions) {
			c.Flags().StringSliceVar(&o.Formats, "format", export.Formats, "formats")
			c.Flags().StringVar(&o.Out, "out", "", "new folder")
		}},
	{use: "truth", short: "Sign what is taken to be so", run: runAnnotateTruth,
		long: `Writes the next version of the ground truth into the new folder --out: cases.csv and images.csv with the adjudicated result, or what people's
unaided readings come to where they do not differ beyond the protocol's limits; with soft labels, the number of readers and their spread;
masks; and every reading it was made from. The manifest is signed with --key (cineloop bundle keygen makes one) and the log notes it.

Exit status: 0 done, 2 no key, or not allowed, 3 nothing was read, 6 no such project or key, 7 the folder is not empty, 8 out of disk.`,
		example: `  cineloop annotate truth study --key study.key --out truth-1 --as cora`,
		flags: func(c *cobra.Command, o *annotateOptions) {
			c.Flags().StringVar(&o.Out, "out", "", "new folder")
			c.Flags().StringVar(&o.KeyFile, "key", "", "file with the key that signs it")
		}},
	{use: "verify", short: "Check a project's log, or a ground truth", run: runAnnotateVerify,
		long: `Follows the chain of the project's log from its first entry to its last and says where it ends; a ground truth's files are held against its manifest
and signature, with --pub against a key that you have from elsewhere.

Exit status: 0 whole, 2 a key that is none, 3 something was changed, 6 neither a project nor a truth.`,
		flags: func(c *cobra.Command, o *annotateOptions) {
			c.Flags().StringVar(&o.PublicKey, "pub", "", "public key, or a file with it")
		}},
}

func runAnnotateAdjudicate(ctx context.Context, o annotateOptions, io ioStreams) error {
	if o.Method != "" && len(o.To) > 0 {
		return fault.New(fault.Usage, "--method or --to, not both")
	}
	if o.Method == "" && len(o.To) == 0 || o.DryRun {
		return reading(o, func(p *annotate.Project) error {
			list := agree.Queue(p.Records())
			if o.Method != "" {
				results, err := agree.SettleOpen(ctx, p.Records(), list, o.Method)
				if err != nil {
					return err
				}
				fmt.Fprintf(io.Out, "%s would settle %d cases\n", o.Method, len(results))
				return nil
			}
			if o.JSON {
				return json.NewEncoder(io.Out).Encode(list)
			}
			printQueue(io, list)
			return nil
		})
	}
	return withProject(o, func(p *annotate.Project) error {
		r := p.Records()
		if o.Method != "" {
			results, err := agree.SettleOpen(ctx, r, agree.Queue(r), o.Method)
			if err != nil {
				return err
			}
			for _, res := range results {
				if err := doOp(ctx, p, o.As, annotate.Decided, res); err != nil {
					return err
				}
			}
			fmt.Fprintf(io.Out, "%d cases settled by %s\n", len(results), o.Method)
			return nil
		}
		cases := agree.Sendings(agree.Queue(r), o.To, o.Due)
		if len(cases) == 0 {
			fmt.Fprintln(io.Out, "nothing to decide")
			return nil
		}
		if err := doOp(ctx, p, o.As, annotate.Sent, map[string]any{"cases": cases}); err != nil {
			return err
		}
		fmt.Fprintf(io.Out, "%d cases sent to %s\n", len(cases), strings.Join(o.To, ", "))
		return nil
	})
}

func runAnnotateExport(ctx context.Context, o annotateOptions, io ioStreams) error {
	if o.Out == "" {
		return fault.New(fault.Usage, "--out names the folder to write")
	}
	var m *export.Manifest
	if o.As == "" {
		p, head, err := annotate.OpenReadOnly(o.Project)
		if err != nil {
			return err
		}
		if m, err = export.Write(ctx, p.Records(), head, o.Formats, o.Out); err != nil {
			return err
		}
	} else if err := withProject(o, func(p *annotate.Project) error {
		r, err := p.RecordsFor(o.As)
		if err != nil {
			return err
		}
		if m, err = export.Write(ctx, r, p.Head(), o.Formats, o.Out); err != nil {
			return err
		}
		digest, err := m.Digest()
		if err != nil {
			return err
		}
		return doOp(ctx, p, o.As, annotate.Exported, map[string]any{"formats": m.Formats, "sha256": digest})
	}); err != nil {
		return err
	}
	if o.JSON {
		return json.NewEncoder(io.Out).Encode(m)
	}
	fmt.Fprintf(io.Out, "%s: %d readings in %d files\n", o.Out, m.Readings, len(m.Files))
	if m.Drafts > 0 {
		fmt.Fprintf(io.Err, "readings under way, which are left out: %d\n", m.Drafts)
	}
	return nil
}

func runAnnotateTruth(ctx context.Context, o annotateOptions, io ioStreams) error {
	if o.Out == "" || o.KeyFile == "" {
		return fault.New(fault.Usage, "--out names the folder to write, --key the key that signs").WithHint("cineloop bundle keygen FILE makes a key")
	}
	key, err := signing.LoadKey(o.KeyFile)
	if err != nil {
		return err
	}
	return withProject(o, func(p *annotate.Project) error {
		r, err := p.RecordsFor(o.As)
		if err != nil {
			return err
		}
		t, m, err := export.WriteTruth(ctx, r, p.Head(), key, len(r.Truths)+1, o.Out)
		if err != nil {
			return err
		}
		if err := doOp(ctx, p, o.As, annotate.TruthSigned, t); err != nil {
			return err
		}
		fmt.Fprintf(io.Out, "%s: ground truth %d of %d cases, signed by %s\n", o.Out, t.Version, len(r.Cases), key.Public().ID())
		for _, n := range m.Notes {
			fmt.Fprintln(io.Out, n)
		}
		return nil
	})
}

func runAnnotateVerify(_ context.Context, o annotateOptions, io ioStreams) error {
	var public *signing.Public
	if o.PublicKey != "" {
		k, err := signing.LoadPublic(o.PublicKey)
		if err != nil {
			if k, err = signing.ParsePublic([]byte(o.PublicKey)); err != nil {
				return fault.New(fault.Usage, "--pub is neither a public key nor a file with one")
			}
		}
		public = &k
	}
	p, head, err := annotate.OpenReadOnly(o.Project)
	if fault.CodeOf(err) == fault.NotFound {
		m, err := export.CheckTruth(o.Project, public)
		if fault.CodeOf(err) == fault.NotFound {
			return fault.New(fault.NotFound, "%s is neither a project nor a ground truth", o.Project)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(io.Out, "ground truth %d of %s: %d files are as they were signed\n", m.Version, m.Project, len(m.Files))
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(io.Out, "%d entries, whole up to %s\n", head.Seq, head.Chain)
	for _, t := range p.Records().Truths {
		fmt.Fprintf(io.Out, "ground truth %d: %s\n", t.Version, t.Digest)
	}
	return nil
}

func printQueue(io ioStreams, list []agree.Disagreement) {
	if len(list) == 0 {
		fmt.Fprintln(io.Out, "no disagreements beyond the protocol's limits")
		return
	}
	fmt.Fprintf(io.Out, "%d disagreements\n", len(list))
	w := newTable(io.Out)
	fmt.Fprintln(w, "item\tmetric\tvalue\tlimit\tcase\timage\tframe\treaders\t")
	for _, d := range list {
		v := "not assessed by one"
		if d.Value.Defined() {
			v = fmt.Sprintf("%.4g", float64(d.Value))
		}
		done := ""
		if d.Decided {
			done = "decided"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%g\t%.8s\t%d\t%d\t%s, %s\t%s\n", d.Item, d.Metric, v, d.Limit, d.Case, d.Image, d.Frame, d.Readers[0], d.Readers[1], done)
	}
	w.Flush()
}

// armWords say in which arm a question was read, where there is more than one.
func armWords(arm string) string {
	if arm == protocol.Unaided {
		return ""
	}
	return ", " + arm
}
