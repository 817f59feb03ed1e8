package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/internal/fault"
)

type dimseFindOptions struct {
	*dimseOptions
	queryOptions
	Limit int
}

func newDimseFindCmd(io ioStreams, common *dimseOptions) *cobra.Command {
	opts := dimseFindOptions{dimseOptions: common}
	cmd := &cobra.Command{
		Use:   "find PEER",
		Short: "Ask a peer for patients, studies, series, images or worklist entries (C-FIND)",
		Long: `Prints one line an answer: the keys asked for, as KEYWORD=VALUE separated by tabs, or with --json the answer as one DICOM JSON object.
Without --key the usual attributes of the level are asked for. Values match as the standard says: * and ? in text, A-B in dates and
times, lists of UIDs with backslashes. Answers are patients' data: they are for people who may see them.

Exit status: 0 done, 2 wrong usage, 3 the peer rejected or failed the query, 4 it can't be reached, 6 nothing matches, 130 interrupted.`,
		Example: `  cineloop dimse find PACS@pacs.example:104 --key 'PatientName=MILLER*' --key StudyDate=20240101- --key StudyInstanceUID
  cineloop dimse find RIS@ris.example:104 --model worklist --key ScheduledProcedureStepSequence.Modality=US`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Peer = args[0]
			return runDimseFind(cmd.Context(), opts, io)
		},
	}
	opts.flags(cmd, "study, patient or worklist")
	cmd.Flags().IntVar(&opts.Limit, "limit", 0, "cancel after so many answers; 0: all")
	return cmd
}

// usual are the keys of a query that names none.
var usual = map[string]string{
	"patient": "PatientID PatientName PatientBirthDate PatientSex",
	"study":   "PatientID PatientName StudyDate StudyTime StudyDescription ModalitiesInStudy AccessionNumber StudyInstanceUID NumberOfStudyRelatedInstances",
	"series":  "StudyInstanceUID SeriesInstanceUID Modality SeriesNumber SeriesDescription NumberOfSeriesRelatedInstances",
	"image":   "StudyInstanceUID SeriesInstanceUID SOPInstanceUID SOPClassUID InstanceNumber",
	"worklist": "PatientID PatientName AccessionNumber StudyInstanceUID RequestedProcedureID RequestedProcedureDescription " +
		"ScheduledProcedureStepSequence.Modality ScheduledProcedureStepSequence.ScheduledStationAETitle " +
		"ScheduledProcedureStepSequence.ScheduledProcedureStepStartDate ScheduledProcedureStepSequence.ScheduledProcedureStepStartTime " +
		"ScheduledProcedureStepSequence.ScheduledProcedureStepID ScheduledProcedureStepSequence.ScheduledProcedureStepDescription",
}

func runDimseFind(ctx context.Context, opts dimseFindOptions, io ioStreams) error {
	d, peer, err := opts.dialer()
	if err != nil {
		return err
	}
	m, err := opts.model(true)
	if err != nil {
		return err
	}
	var returned []string
	if m == dimse.Worklist {
		returned = strings.Fields(usual["worklist"])
	} else if len(opts.Keys) == 0 {
		returned = strings.Fields(usual[opts.Level])
	}
	identifier, err := opts.identifier(m, returned...)
	if err != nil {
		return err
	}
	n := 0
	err = withPeer(ctx, d, peer, []dimse.Offer{dimse.FindOffer(m)}, func(c *dimse.Client) error {
		for ds, err := range c.Find(ctx, m, identifier) {
			if err != nil {
				return err
			}
			if err := printAnswer(io, opts.JSON, ds); err != nil {
				return err
			}
			if n++; n == opts.Limit {
				break
			}
		}
		return nil
	})
	if err == nil && n == 0 {
		err = fault.New(fault.NotFound, "nothing matches")
	}
	return err
}

func printAnswer(io ioStreams, asJSON bool, ds *dicom.DataSet) error {
	if asJSON {
		b, err := ds.JSON(1<<20, nil)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(io.Out, "%s\n", b)
		return err
	}
	var fields []string
	for depth, e := range ds.Walk() {
		if e.IsSequence() || e.Tag.Keyword() == "QueryRetrieveLevel" || e.Tag.Keyword() == "SpecificCharacterSet" && depth == 0 {
			continue
		}
		name := e.Tag.Keyword()
		if name == "" {
			name = e.Tag.String()
		}
		fields = append(fields, name+"="+strings.Map(noControls, strings.Join(e.Strings(), `\`)))
	}
	_, err := fmt.Fprintln(io.Out, strings.Join(fields, "\t"))
	return err
}
