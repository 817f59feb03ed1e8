package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	stdio "io"
	"io/fs"
	"os"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/trail"
	"github.com/cineloop/cineloop/dicom/audit"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/signing"
)

// auditOfTrail are what is asked of a project's audit trail.
type auditOfTrail struct {
	Checkpoint, Format, Source, Since string
}

const verifyLong = `Follows the three chains of a reading project's audit trail from their first entry to their last: events.log (everything that was done), access.log (who came to
the server, asked and looked) and commands.log (what was done at a command line), and replays the project. Prints how many entries and events there are and the last
ones' digests. A chain alone does not show that its end was cut off: with --checkpoint, a file that cineloop annotate audit checkpoint wrote and that was kept
elsewhere, every chain has to come to where it was then; --pub is the key that has to have signed it.

Exit status: 0 whole, 2 a key that is none, 3 something was changed, cut off or written anew, 6 no such project or file.`

// annotateAudit are the sub-commands about the audit trail. The bare one verifies.
var annotateAudit = annotateCommand{use: "audit", short: "Follow, export or sign the audit trail", run: runAnnotateAudit, long: verifyLong, flags: verifyFlags,
	subs: []annotateCommand{
		{use: "verify", short: "Follow the chains of the audit trail", run: runAnnotateAudit, long: verifyLong, flags: verifyFlags,
			example: `  cineloop annotate audit verify study
  cineloop annotate audit verify study --checkpoint /safe/study.checkpoints --pub study.key.pub`},
		{use: "checkpoint", short: "Sign where the chains end", run: runAnnotateCheckpoint,
			long: `Follows the chains and appends a line to the file --out that says where they end, signed with --key (cineloop bundle keygen makes one). Keep the file where whoever runs the
project can't change it, as append-only storage or another department's machine. It can be done while the project is served.

Exit status: 0 done, 2 no key or file named, 3 something was changed, 6 no such project or key, 8 out of disk.`,
			example: `  cineloop annotate audit checkpoint study --key study.key --out /safe/study.checkpoints`,
			flags: func(c *cobra.Command, o *annotateOptions) {
				c.Flags().StringVar(&o.Out, "out", "", "file to append to")
				c.Flags().StringVar(&o.KeyFile, "key", "", "file with the key that signs it")
			}},
		{use: "export", short: "Write the audit trail as DICOM audit messages", run: runAnnotateAuditExport,
			long: `Writes the trail as audit messages of DICOM PS3.15 A.5, in the order of time: user authentication, query, DICOM instances accessed, export, security alert, application activity, audit log
used. Formats: dicom-xml (an XML document a line), syslog (RFC 5424 in RFC 5425's frames, ready to be sent over TLS to an audit record repository). Members are NAME@SOURCE.
Cases and patients are numbers that the project drew by chance: no identifier of a patient gets there, and no answer.

Exit status: 0 done, 2 no such format or time, 3 something was changed, 6 no such project, 8 out of disk.`,
			example: `  cineloop annotate audit export study --format dicom-xml --out study.audit.xml --source reading.hospital.example`,
			flags: func(c *cobra.Command, o *annotateOptions) {
				c.Flags().StringVar(&o.Trail.Format, "format", "dicom-xml", "dicom-xml or syslog")
				c.Flags().StringVar(&o.Out, "out", "", "file to write; none: the standard output")
				c.Flags().StringVar(&o.Trail.Source, "source", "", "name of this system (default: the host's)")
				c.Flags().StringVar(&o.Trail.Since, "since", "", "leave out what was before, 2026-12-31 or 2026-12-31T12:00:00Z")
			}},
	}}

func verifyFlags(c *cobra.Command, o *annotateOptions) {
	c.Flags().StringVar(&o.Trail.Checkpoint, "checkpoint", "", "file with checkpoints that the chains have to come to")
	c.Flags().StringVar(&o.PublicKey, "pub", "", "public key that has to have signed them, or a file with it")
}

func newAuditVerifyCmd(io ioStreams) *cobra.Command {
	var o annotateOptions
	c := &cobra.Command{Use: "verify PROJECT", Short: "Follow the audit trail of a reading project", Long: verifyLong, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Project = args[0]
			return noted("audit", o, io, func() error { return runAnnotateAudit(cmd.Context(), o, io) })
		}}
	verifyFlags(c, &o)
	c.Flags().BoolVar(&o.JSON, "json", false, "print the result as JSON")
	return c
}

// noteOf is what the audit trail says of a command before it runs; empty: the command makes the project. A command that is not here is a query. kind is the
// op's, which events.log has when it is done.
func noteOf(command string, o annotateOptions) (event string, kind annotate.Kind) {
	switch command {
	case "init":
		return "", ""
	case "member":
		return trail.Config, annotate.MemberAdded
	case "protocol":
		return trail.Config, annotate.ProtocolSet
	case "cases":
		return trail.Config, annotate.CaseAdded
	case "assign":
		return trail.Config, annotate.Assigned
	case "phase":
		return trail.Config, annotate.PhaseSet
	case "import":
		return trail.Annotate, annotate.AnswerPut
	case "adjudicate":
		if o.DryRun || o.Method == "" && len(o.To) == 0 {
			return trail.Query, ""
		}
		return trail.Config, annotate.Decided
	case "export":
		if o.As == "" {
			return trail.Export, ""
		}
		return trail.Export, annotate.Exported
	case "truth":
		return trail.Sign, annotate.TruthSigned
	case "user":
		return trail.Config, ""
	case "audit", "verify", "checkpoint":
		return trail.Audit, ""
	}
	return trail.Query, ""
}

// noted runs a command once the project's audit trail says that it was asked for, and notes there where it came to nothing. On a medium that can't be written,
// what only reads goes on with a word.
func noted(command string, o annotateOptions, io ioStreams, run func() error) error {
	event, kind := noteOf(command, o)
	if event == "" {
		return run()
	}
	e := trail.Entry{Event: event, Who: o.As, Command: command, Kind: string(kind)}
	if (command == "member" || command == "user") && len(o.Rest) > 0 {
		e.Object = o.Rest[0]
	}
	if err := trail.Note(o.Project, e); err != nil {
		reads := event == trail.Query || event == trail.Audit
		sealed := errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
		changed := event == trail.Audit && fault.CodeOf(err) == fault.Input // which is what is asked
		if !changed && !(reads && sealed) {
			return err
		}
		if !changed {
			fmt.Fprintln(io.Err, "this can't be noted in the audit trail: the folder can't be written")
		}
	}
	err := run()
	if err != nil {
		e.Event, e.Code = trail.Refused, string(fault.CodeOf(err))
		_ = trail.Note(o.Project, e) // the command's own error is the one to tell
	}
	return err
}

func runAnnotateAudit(_ context.Context, o annotateOptions, io ioStreams) error {
	chains, err := trail.Verify(o.Project)
	if err != nil {
		return err
	}
	var points []*trail.Checkpoint
	if o.Trail.Checkpoint != "" {
		if points, err = readCheckpoints(o); err != nil {
			return err
		}
		for _, p := range points {
			if err := p.Check(o.Project); err != nil {
				return err
			}
		}
	}
	if o.JSON {
		return json.NewEncoder(io.Out).Encode(map[string]any{"chains": chains, "checkpoints": len(points)})
	}
	for _, c := range chains {
		if !c.There {
			fmt.Fprintf(io.Out, "%s: not there yet\n", c.File)
			continue
		}
		fmt.Fprintf(io.Out, "%s: %d entries, the chain holds, the last is %s\n", c.File, c.Seq, c.Chain)
	}
	w := tabwriter.NewWriter(io.Out, 0, 0, 2, ' ', 0)
	for _, c := range chains {
		for _, name := range trail.Events {
			if c.Events[name] > 0 {
				fmt.Fprintf(w, "%s\t%s\t%d\n", c.File, name, c.Events[name])
			}
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(points) > 0 {
		fmt.Fprintf(io.Out, "the chains come to %d checkpoints, the last of %s\n", len(points), points[len(points)-1].At.Format(time.DateTime))
	}
	return nil
}

func readCheckpoints(o annotateOptions) ([]*trail.Checkpoint, error) {
	var public *signing.Public
	if o.PublicKey != "" {
		k, err := signing.LoadPublic(o.PublicKey)
		if err != nil {
			if k, err = signing.ParsePublic([]byte(o.PublicKey)); err != nil {
				return nil, fault.New(fault.Usage, "--pub is neither a public key nor a file with one")
			}
		}
		public = &k
	}
	f, err := os.Open(o.Trail.Checkpoint)
	if err != nil {
		return nil, fault.New(fault.NotFound, "the checkpoints: %w", err)
	}
	defer f.Close()
	return trail.ReadCheckpoints(f, public)
}

func runAnnotateCheckpoint(_ context.Context, o annotateOptions, io ioStreams) error {
	if o.Out == "" || o.KeyFile == "" {
		return fault.New(fault.Usage, "--out names the file to append to, --key the key that signs").WithHint("cineloop bundle keygen FILE makes a key")
	}
	key, err := signing.LoadKey(o.KeyFile)
	if err != nil {
		return err
	}
	c, err := trail.NewCheckpoint(o.Project, key, time.Now())
	if err != nil {
		return err
	}
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(o.Out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fault.New(fault.NotFound, "the checkpoints: %w", err)
	}
	_, err = f.Write(append(line, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fault.New(fault.Resource, "the checkpoints: %w", err)
	}
	fmt.Fprintf(io.Out, "%s: signed by %s\n", o.Out, key.Public().ID())
	return nil
}

func runAnnotateAuditExport(_ context.Context, o annotateOptions, io ioStreams) error {
	opts := trail.MessageOptions{Source: o.Trail.Source}
	if o.Trail.Format != "dicom-xml" && o.Trail.Format != "syslog" {
		return fault.New(fault.Usage, "--format is dicom-xml or syslog")
	}
	if o.Trail.Since != "" {
		var err error
		if opts.Since, err = time.Parse(time.RFC3339, o.Trail.Since); err != nil {
			if opts.Since, err = time.Parse(time.DateOnly, o.Trail.Since); err != nil {
				return fault.New(fault.Usage, "--since is a date or a time with its zone: 2026-12-31 or 2026-12-31T12:00:00Z")
			}
		}
	}
	if opts.Source == "" {
		host, err := os.Hostname()
		if err != nil || host == "" {
			return fault.New(fault.Usage, "this machine has no name: give --source")
		}
		opts.Source = host
	}
	if _, err := trail.Verify(o.Project); err != nil { // nothing is told of a trail that was changed
		return err
	}
	n := 0
	write := func(w stdio.Writer) error {
		return trail.Messages(o.Project, opts, func(m *audit.Message) error {
			n++
			var b []byte
			var err error
			if o.Trail.Format == "syslog" {
				if b, err = m.Syslog("cineloop", os.Getpid()); err == nil {
					b = audit.Frame(b)
				}
			} else if b, err = m.XML(); err == nil {
				b = append(b, '\n')
			}
			if err == nil {
				_, err = w.Write(b)
			}
			return err
		})
	}
	if o.Out == "" {
		return write(io.Out)
	}
	if err := atomicfile.Write(o.Out, write); err != nil {
		return err
	}
	fmt.Fprintf(io.Out, "%s: %d audit messages\n", o.Out, n)
	return nil
}
