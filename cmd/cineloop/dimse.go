package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/dicom/dimse/pdu"
	"github.com/cineloop/cineloop/dicom/dimse/ul"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// dimseOptions are what all commands that call a peer have in common.
type dimseOptions struct {
	Peer    string
	AET     string
	UseTLS  bool
	TLS     dimse.TLSFiles
	Timeout time.Duration
	Window  int
	JSON    bool
}

func init() { register(newDimseCmd) }

func newDimseCmd(io ioStreams) *cobra.Command {
	var opts dimseOptions
	cmd := &cobra.Command{
		Use:   "dimse",
		Short: "Call a DICOM peer: echo, store, find, move, get, commit",
		Long: `The peer is AETITLE@host:port. It must know this side by its AE title, --aet.

Exit status of all of them: 0 done, 2 wrong usage, 3 the peer rejected or failed what was asked, 4 it can't be reached, 5 done in part, 6 nothing
found, 8 a time-out or the peer's resources, 130 interrupted.`,
		Args: cobra.NoArgs,
	}
	f := cmd.PersistentFlags()
	f.StringVar(&opts.AET, "aet", "CINELOOP", "this side's AE title")
	f.BoolVar(&opts.UseTLS, "tls", false, "encrypt (implied by the other TLS flags)")
	f.StringVar(&opts.TLS.Cert, "tls-cert", "", "PEM certificate to show")
	f.StringVar(&opts.TLS.Key, "tls-key", "", "PEM private key of the certificate")
	f.StringVar(&opts.TLS.CA, "tls-ca", "", "PEM certificates that the peer's must come from; default: the system's")
	f.DurationVar(&opts.Timeout, "timeout", 10*time.Minute, "wait for an answer")
	f.IntVar(&opts.Window, "window", 16, "operations at once, if the peer agrees")
	f.BoolVar(&opts.JSON, "json", false, "print results as JSON")
	for _, sub := range []func(ioStreams, *dimseOptions) *cobra.Command{newDimseEchoCmd, newDimseStoreCmd, newDimseFindCmd, newDimseMoveCmd, newDimseGetCmd, newDimseCommitCmd} {
		cmd.AddCommand(sub(io, &opts))
	}
	return cmd
}

// dialer and peer are what the flags say.
func (o *dimseOptions) dialer() (*dimse.Dialer, dimse.Peer, error) {
	peer, err := dimse.ParsePeer(o.Peer)
	if err != nil {
		return nil, peer, err
	}
	if err := pdu.CheckAE(o.AET); err != nil {
		return nil, peer, fault.New(fault.Usage, "--aet: %w", err)
	}
	if o.UseTLS || o.TLS != (dimse.TLSFiles{}) {
		if peer.TLS, err = o.TLS.ClientTLS(); err != nil {
			return nil, peer, err
		}
	}
	return &dimse.Dialer{AETitle: o.AET, Timeout: o.Timeout, Window: o.Window, Link: ul.Config{}}, peer, nil
}

// withPeer runs do on an association.
func withPeer(ctx context.Context, d *dimse.Dialer, peer dimse.Peer, offers []dimse.Offer, do func(*dimse.Client) error) error {
	c, err := d.Dial(ctx, peer, offers...)
	if err != nil {
		return err
	}
	if err := do(c); err != nil {
		if ctx.Err() != nil {
			c.Abort()
		} else {
			c.Close()
		}
		return err
	}
	return c.Close()
}

// queryOptions are the identifier of a query or retrieval.
type queryOptions struct {
	Model string
	Level string
	Keys  []string
}

func (q *queryOptions) flags(cmd *cobra.Command, models string) {
	cmd.Flags().StringVar(&q.Model, "model", "study", "information model: "+models)
	cmd.Flags().StringVar(&q.Level, "level", "study", "patient, study, series or image")
	cmd.Flags().StringArrayVarP(&q.Keys, "key", "k", nil, "KEYWORD=VALUE to match, KEYWORD to return; in a sequence as SEQUENCE.KEYWORD=VALUE (repeatable)")
}

func (q *queryOptions) model(worklist bool) (dimse.Model, error) {
	switch {
	case q.Model == "study" && q.Level != "patient": // which that model does not have
		return dimse.StudyRoot, nil
	case q.Model == "study", q.Model == "patient":
		return dimse.PatientRoot, nil
	case q.Model == "worklist" && worklist:
		return dimse.Worklist, nil
	}
	return 0, fault.New(fault.Usage, "--model %s is not one of those that --help names", q.Model)
}

// identifier is the data set of the keys.
func (q *queryOptions) identifier(m dimse.Model, returned ...string) (*dicom.DataSet, error) {
	ds := dicom.NewDataSet()
	if m != dimse.Worklist {
		switch q.Level {
		case "patient", "study", "series", "image":
			ds.SetString(tag.QueryRetrieveLevel, strings.ToUpper(q.Level))
		default:
			return nil, fault.New(fault.Usage, "--level %s is not patient, study, series or image", q.Level)
		}
	}
	for _, k := range append(returned, q.Keys...) {
		path, value, _ := strings.Cut(k, "=")
		if err := setKey(ds, strings.Split(path, "."), value); err != nil {
			return nil, err
		}
	}
	if err := ds.Err(); err != nil {
		return nil, fault.New(fault.Usage, "%w", err)
	}
	return ds, nil
}

// setKey sets a key, within the one item of each sequence on its path.
func setKey(ds *dicom.DataSet, path []string, value string) error {
	t, err := tag.Parse(path[0])
	if err != nil {
		return fault.New(fault.Usage, "--key: %w", err)
	}
	if len(path) > 1 {
		item := dicom.NewDataSet()
		if old := ds.Sequence(t); len(old) > 0 {
			item = old[0]
		}
		if err := setKey(item, path[1:], value); err != nil {
			return err
		}
		if err := item.Err(); err != nil {
			return fault.New(fault.Usage, "%w", err)
		}
		ds.SetSequence(t, item)
		return nil
	}
	switch {
	case value == "":
		if !ds.Has(t) {
			ds.SetEmpty(t)
		}
	case t.VR().IsText():
		// Keys may be longer than values, and have wildcards and ranges that no value has.
		ds.SetBytes(t, t.VR(), []byte(value))
		for _, c := range []byte(value) {
			if c >= 0x80 {
				ds.SetString(tag.SpecificCharacterSet, "ISO_IR 192")
			}
		}
	default:
		ds.SetString(t, strings.Split(value, `\`)...)
	}
	return nil
}
