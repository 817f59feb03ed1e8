package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/fault"
)

// dicomwebOptions say which service is asked and how.
type dicomwebOptions struct {
	URL       string
	TokenFile string
	JSON      bool
}

func init() { register(newDicomwebCmd) }

func newDicomwebCmd(io ioStreams) *cobra.Command {
	var opts dicomwebOptions
	cmd := &cobra.Command{
		Use:   "dicomweb",
		Short: "Ask a DICOMweb service: query, retrieve, store",
		Long: `Speaks QIDO-RS, WADO-RS and STOW-RS to the service at a URL, as https://pacs.example/dicom-web. The scheme dicomweb:// is https, but http
on this machine. A token is taken from --token-file or $CINELOOP_DICOMWEB_TOKEN, user and password from the URL or from
$CINELOOP_DICOMWEB_USER and $CINELOOP_DICOMWEB_PASSWORD.

Exit status: 0 done, 2 wrong usage or refused, 3 an answer makes no sense, 4 the service does not answer, 5 done but some objects failed,
6 not found, 8 disk full here or there, 130 interrupted.`,
		Args: cobra.NoArgs,
	}
	cmd.PersistentFlags().StringVar(&opts.TokenFile, "token-file", "", "file with the bearer token")
	cmd.PersistentFlags().BoolVar(&opts.JSON, "json", false, "print JSON, one object a line")
	cmd.AddCommand(newDicomwebQueryCmd(io, &opts), newDicomwebRetrieveCmd(io, &opts), newDicomwebStoreCmd(io, &opts))
	return cmd
}

// client is a client for the options.
func (o dicomwebOptions) client() (*web.Client, error) {
	c := web.ClientOptions{Token: os.Getenv("CINELOOP_DICOMWEB_TOKEN"), User: os.Getenv("CINELOOP_DICOMWEB_USER"), Password: os.Getenv("CINELOOP_DICOMWEB_PASSWORD")}
	if o.TokenFile != "" {
		b, err := os.ReadFile(o.TokenFile)
		if err != nil {
			return nil, fault.New(fault.NotFound, "the token: %w", err)
		}
		c.Token = strings.TrimSpace(string(b))
	}
	return web.NewClient(o.URL, c)
}

// resourceOfArgs reads up to three UIDs.
func resourceOfArgs(uids []string) (web.Resource, error) {
	var r web.Resource
	for i, to := range []*string{&r.Study, &r.Series, &r.Instance} {
		if i < len(uids) {
			*to = uids[i]
		}
	}
	return r, r.Check()
}
