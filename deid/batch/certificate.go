package batch

import (
	"bytes"
	_ "embed"
	"html/template"
	"path/filepath"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/internal/atomicfile"
)

// Names of the certificate's two forms.
const (
	CertificateJSON = "certificate.json"
	CertificateHTML = "certificate.html"
)

// Certificate says what a run did, for the person who answers for it.
type Certificate struct {
	Standard  string    `json:"standard"`
	Policy    string    `json:"policy"`
	PolicySHA string    `json:"policy_sha256"`
	Options   string    `json:"options"`
	Methods   []Method  `json:"methods"`
	Summary   Summary   `json:"summary"`
	Manifest  Signature `json:"manifest"`
	Anonymity Anonymity `json:"anonymity"`
	YAML      string    `json:"policy_yaml"`
	NotDone   []string  `json:"not_done"`
}

// Method is a De-identification Method code.
type Method struct {
	Code    string `json:"code"`
	Meaning string `json:"meaning"`
}

//go:embed certificate.html.tmpl
var certificatePage string

var certificateTemplate = template.Must(template.New("certificate").Parse(certificatePage))

func writeCertificate(opt Options, s Summary, sig Signature, k Anonymity) error {
	pr := opt.Profile
	yaml, err := pr.Policy.YAML()
	if err != nil {
		return err
	}
	c := Certificate{Standard: "DICOM PS3.15 " + deid.Edition + ", Annex E", Policy: pr.Policy.Name, PolicySHA: pr.Digest, Options: pr.Options(), Summary: s, Manifest: sig,
		Anonymity: k, YAML: string(yaml), NotDone: []string{
			"Clean Recognizable Visual Features (113102) is not applied: faces in head CT and MR can be reconstructed.",
			"Groups of few patients (below) can be recognised by who knows them; decide whether to release them.",
		}}
	codes, meanings := pr.Methods(pr.Policy.Pixels.Clean)
	for i := range codes {
		c.Methods = append(c.Methods, Method{codes[i], meanings[i]})
	}
	if err := writeJSON(filepath.Join(opt.Out, CertificateJSON), c); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := certificateTemplate.Execute(&b, c); err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(opt.Out, CertificateHTML), b.Bytes())
}
