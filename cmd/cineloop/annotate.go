package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

func init() { register(newAnnotateCmd) }

type annotateOptions struct {
	Project string
	Rest    []string
	As      string
	JSON    bool

	Name   string // init
	Seed   uint64
	Roles  []string // member
	Model  string
	Import importOptions

	Each                   string // cases
	Captures, Deidentified bool

	Generate, Remove bool // user

	Formats   []string // export
	Out       string
	Method    string // adjudicate
	To        []string
	Due       string
	DryRun    bool
	KeyFile   string // truth
	PublicKey string
	Trail     auditOfTrail

	Assist assistOptions // assist, order
}

// annotateCommand is one sub-command: a project and what is done with it.
type annotateCommand struct {
	use, rest, short, long, example string
	args                            cobra.PositionalArgs
	flags                           func(*cobra.Command, *annotateOptions)
	run                             func(context.Context, annotateOptions, ioStreams) error
	subs                            []annotateCommand
}

func newAnnotateCmd(io ioStreams) *cobra.Command {
	var opts annotateOptions
	cmd := &cobra.Command{
		Use:   "annotate",
		Short: "Expert reading: projects in which people and models read cases under a protocol",
		Long: `A project is a folder with a log of everything that happened in it. An administrator adds members; a coordinator publishes a protocol, adds
cases and assigns them; readers read, adjudicators decide, and what is taken to be so is signed. Who may see what is decided in one
place: docs/reference/reading-policy.md. How it all goes is in docs/explanation/reading-studies.md.

With --project it serves the project to browsers until interrupted: members log in with the passwords that cineloop annotate user sets, or with their
organisation's account; readers read, coordinators run the study, adjudicators decide (docs/how-to/first-blinded-study.md), and programs send ops and follow
events (docs/reference/reading-server.md). --demo makes a study of simulated loops first and prints its passwords. Beyond this machine TLS is needed: with a certificate of your own
(--tls-cert, --tls-key), or with --tls-auto by an authority that is made once in your configuration and that browsers have to trust.

Exit status: 0 done, 2 wrong usage or not allowed, 3 unsuitable input, 4 the address is taken, 6 not found, 7 conflict, or open in
another process, 8 out of disk, 130 interrupted.`,
		Args: cobra.NoArgs,
	}
	serveAnnotate(cmd, io)
	cmd.PersistentFlags().StringVar(&opts.As, "as", "", "member in whose name it is done")
	cmd.PersistentFlags().BoolVar(&opts.JSON, "json", false, "print the result as JSON")
	for _, sub := range slices.Concat(annotateSetup, annotateAssisting, annotateResults, annotateServing, annotateIdentity) {
		addAnnotate(cmd, sub, "", &opts, io)
	}
	return cmd
}

// addAnnotate adds a sub-command and its own; the audit trail notes each before it runs, by its name or by that of the one it belongs to.
func addAnnotate(parent *cobra.Command, sub annotateCommand, of string, opts *annotateOptions, io ioStreams) {
	of = cmp.Or(of, sub.use)
	c := &cobra.Command{Use: strings.TrimSpace(sub.use + " PROJECT " + sub.rest), Short: sub.short, Long: sub.long, Example: sub.example, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Project, opts.Rest = args[0], args[1:]
			return noted(of, *opts, io, func() error { return sub.run(cmd.Context(), *opts, io) })
		}}
	if sub.args != nil {
		c.Args = sub.args
	}
	if sub.flags != nil {
		sub.flags(c, opts)
	}
	for _, s := range sub.subs {
		addAnnotate(c, s, of, opts, io)
	}
	parent.AddCommand(c)
}

var annotateSetup = []annotateCommand{
	{use: "init", short: "Make a project", run: runAnnotateInit,
		long: `Makes the folder PROJECT a project, with --as as its administrator and coordinator. The seed decides who reads what in which order; it is
recorded.

Exit status: 0 done, 2 no name or member, 7 it is a project already.`,
		example: `  cineloop annotate init study --name 'EF, read twice' --as eve`,
		flags: func(c *cobra.Command, o *annotateOptions) {
			c.Flags().StringVar(&o.Name, "name", "", "what the study is called")
			c.Flags().Uint64Var(&o.Seed, "seed", 1, "of assignments and orders")
		}},
	{use: "member", rest: "NAME", short: "Add a member", run: runAnnotateMember, args: cobra.ExactArgs(2),
		long: `Adds somebody with roles: admin, coordinator, reader, adjudicator, auditor; or a model, with --model and the role service. Others see a mask in
the member's place, models' like people's.

Exit status: 0 done, 2 no such role, or not allowed, 7 there is a member of that name.`,
		example: `  cineloop annotate member study ann --role reader --as eve
  cineloop annotate member study net --role service --model 'lvnet 1.2' --as eve`,
		flags: func(c *cobra.Command, o *annotateOptions) {
			c.Flags().StringSliceVar(&o.Roles, "role", nil, "what they are")
			c.Flags().StringVar(&o.Model, "model", "", "name and version of a model")
		}},
	{use: "protocol", rest: "FILE", short: "Publish a protocol", run: runAnnotateProtocol, args: cobra.ExactArgs(2),
		long: `Publishes the YAML file as the next revision of what readers are asked. A revision never changes; readings follow the one that was the newest
when they were opened.

Exit status: 0 done, 2 a fault in the file (the message names the key), or not allowed, 6 no file, 7 another revision is next.`},
	{use: "cases", rest: "SOURCE [KEYWORD=VALUE…]", short: "Add cases", run: runAnnotateCases, args: cobra.MinimumNArgs(2),
		long: `Adds cases from SOURCE:

a folder    every study under it is a case (--each series or image: those). Reports, segmentations and secondary captures are passed over: they could
            hold results of others. Studies are known by pseudonyms, the header's own where it says that the identity was removed.
an archive  the same of what its catalogue finds by KEYWORD=VALUE, as cineloop archive find takes them
a CSV file  a case for every value of the column "case" (or for every row, where there is no such column): columns "file", a DICOM image relative to the
            project's folder or absolute, and "patient", a pseudonym

Cases that are there already are passed over. With --deidentified nothing is added unless every header says Patient Identity Removed.

Exit status: 0 done, 2 not allowed, 3 a table or picture that does not fit (the message has the row), pictures that are not de-identified, 6 no such source.`,
		example: `  cineloop annotate cases study research/ --as cora
  cineloop annotate cases study archive Modality=US StudyDate=2024 --as cora --dry-run`,
		flags: func(c *cobra.Command, o *annotateOptions) {
			c.Flags().StringVar(&o.Each, "each", "study", "what a case is, in a folder or archive: study, series, image")
			c.Flags().BoolVar(&o.Captures, "secondary-captures", false, "take secondary captures too")
			c.Flags().BoolVar(&o.Deidentified, "deidentified", false, "take nothing unless every header says that the identity was removed")
			c.Flags().BoolVar(&o.DryRun, "dry-run", false, "say what would be added")
		}},
	{use: "assign", short: "Give cases to readers by the protocol's design", run: simple(annotate.Assigned, nil),
		long: `Lays out all assignments: who reads which case in which arm, session and order, from the project's seed.

Exit status: 0 done, 2 not allowed, 3 the design does not fit the members, 7 there is no protocol, or it is done.`},
	{use: "phase", rest: "PHASE", short: "Begin the next phase: reading, adjudication, closed", args: cobra.ExactArgs(2),
		run: func(ctx context.Context, o annotateOptions, io ioStreams) error {
			return simple(annotate.PhaseSet, map[string]string{"phase": o.Rest[0]})(ctx, o, io)
		},
		long: `Phases do not come back. Agreement, exports and truth are for those in the project when reading is over.

Exit status: 0 done, 2 no such phase, or not allowed, 7 it is past.`},
	annotateImport,
	{use: "worklist", short: "What a member has to read", run: runAnnotateWorklist,
		long: `Lists the assignments of --as, in their order.

Exit status: 0 done, 6 no such member.`},
	{use: "progress", short: "How far readers are, by mask", run: runAnnotateProgress,
		long: `Shows for every masked reader how many readings they have, and how many of these are open and locked.

Exit status: 0 done, 2 not allowed, 6 no such member.`},
}

// withProject opens the project for changes.
func withProject(o annotateOptions, do func(*annotate.Project) error) (err error) {
	if o.As == "" {
		return fault.New(fault.Usage, "--as names the member in whose name it is done")
	}
	p, err := annotate.Open(o.Project)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	return do(p)
}

// simple is a command that is one op.
func simple(kind annotate.Kind, data any) func(context.Context, annotateOptions, ioStreams) error {
	return func(ctx context.Context, o annotateOptions, io ioStreams) error {
		return withProject(o, func(p *annotate.Project) error { return doOp(ctx, p, o.As, kind, data) })
	}
}

func doOp(ctx context.Context, p *annotate.Project, who string, kind annotate.Kind, data any) error {
	op := annotate.Op{Kind: kind}
	if data != nil {
		var err error
		if op.Data, err = json.Marshal(data); err != nil {
			return err
		}
	}
	_, err := p.Do(ctx, who, op)
	return err
}

func runAnnotateInit(ctx context.Context, o annotateOptions, io ioStreams) error {
	if o.Name == "" || o.As == "" {
		return fault.New(fault.Usage, "a project has a --name, and --as names its administrator")
	}
	p, err := annotate.Create(ctx, o.Project, o.Name, stats.Seed(o.Seed), o.As)
	if err != nil {
		return err
	}
	fmt.Fprintf(io.Out, "%s: a project, with %s as its administrator\n", o.Project, o.As)
	return p.Close()
}

func runAnnotateMember(ctx context.Context, o annotateOptions, io ioStreams) error {
	var roles []policy.Role
	for _, r := range o.Roles {
		roles = append(roles, policy.Role(r))
	}
	return simple(annotate.MemberAdded, map[string]any{"name": o.Rest[0], "roles": roles, "model": o.Model})(ctx, o, io)
}

func runAnnotateProtocol(ctx context.Context, o annotateOptions, io ioStreams) error {
	b, err := os.ReadFile(o.Rest[0])
	if err != nil {
		return fault.New(fault.NotFound, "the protocol: %w", err)
	}
	return simple(annotate.ProtocolSet, map[string]string{"yaml": string(b)})(ctx, o, io)
}

// reading gives a project for reading, which a server may have open.
func reading(o annotateOptions, do func(*annotate.Project) error) error {
	p, _, err := annotate.OpenReadOnly(o.Project)
	if err != nil {
		return err
	}
	return do(p)
}

func runAnnotateWorklist(_ context.Context, o annotateOptions, io ioStreams) error {
	return reading(o, func(p *annotate.Project) error {
		list, err := p.Worklist(o.As)
		if err != nil {
			return err
		}
		if o.JSON {
			return json.NewEncoder(io.Out).Encode(list)
		}
		w := tabwriter.NewWriter(io.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "order\tarm\tsession\tstate\tassignment")
		for _, t := range list {
			state := t.State
			if t.Why != "" {
				state += " (" + t.Why + ")"
			}
			fmt.Fprintf(w, "%d\t%s\t%d\t%s\t%s\n", t.Order, t.Arm, t.Session, state, t.Assignment)
		}
		return w.Flush()
	})
}

func runAnnotateProgress(_ context.Context, o annotateOptions, out ioStreams) error {
	return reading(o, func(p *annotate.Project) error {
		list, err := p.Progress(o.As)
		if err != nil {
			return err
		}
		if o.JSON {
			return json.NewEncoder(out.Out).Encode(list)
		}
		return printProgress(out.Out, list)
	})
}

func printProgress(out io.Writer, list []annotate.Progress) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "reader\tassigned\topen\tlocked")
	for _, r := range list {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\n", r.Reader, r.Assigned, r.Drafts, r.Locked)
	}
	return w.Flush()
}
