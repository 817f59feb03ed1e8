package audit

import (
	"fmt"
	"strconv"
	"strings"
)

// Syslog is the message as a syslog message by RFC 5424, as A.6.1 asks: facility 10 (security and authorization), severity 5 (notice) or 4 (warning,
// where it failed), the message identifier DICOM+RFC3881, and the XML after a byte order mark. Code input where it is not of the form.
func (m *Message) Syslog(app string, pid int) ([]byte, error) {
	b, err := m.XML()
	if err != nil {
		return nil, err
	}
	severity := 5
	if m.Event.Outcome != Success {
		severity = 4
	}
	at, _ := m.Event.At.MarshalText()
	head := fmt.Sprintf("<%d>1 %s %s %s %d DICOM+RFC3881 - \uFEFF", 10*8+severity, at, field(m.Source.ID, 255), field(app, 48), pid)
	return append([]byte(head), b...), nil
}

// field is printable ASCII without blanks, as syslog's header has it.
func field(s string, longest int) string {
	s = strings.Map(func(r rune) rune {
		if r <= 32 || r >= 127 {
			return '_'
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), longest)]
}

// Frame is a syslog message as it goes over TLS (RFC 5425, 4.3): its length in bytes, a blank, the message.
func Frame(message []byte) []byte {
	return append(append(strconv.AppendInt(nil, int64(len(message)), 10), ' '), message...)
}
