package catalog

import "strings"

// cleanText makes a received value fit for both databases: PostgreSQL refuses NUL and bytes that are no UTF-8.
func cleanText(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
}

// clean does so for all of an entry's text before it is recorded, compared or merged.
func (e Entry) clean() Entry {
	if in := e.Instance; in != nil {
		c := *in
		c.Attributes = make(map[string]string, len(in.Attributes))
		for k, v := range in.Attributes {
			c.Attributes[cleanText(k)] = cleanText(v)
		}
		for _, p := range []*string{&c.StudyUID, &c.SeriesUID, &c.SOPInstanceUID, &c.SOPClassUID, &c.TransferSyntaxUID, &c.Run, &c.Origin, &c.Rules} {
			*p = cleanText(*p)
		}
		e.Instance = &c
	}
	if q := e.Quarantine; q != nil {
		c := *q
		for _, p := range []*string{&c.Code, &c.Reason, &c.Run, &c.Origin, &c.Rules} {
			*p = cleanText(*p)
		}
		e.Quarantine = &c
	}
	return e
}
