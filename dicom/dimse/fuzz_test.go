package dimse

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom/dimse/pdu"
	"github.com/cineloop/cineloop/dicom/dimse/ul"
	"github.com/cineloop/cineloop/dicom/uid"
)

// FuzzServer: whatever follows a request for an association, the server ends it without a panic and leaves nothing running.
func FuzzServer(f *testing.F) {
	echo := values(5, true, true, (&Command{Field: CEcho, MessageID: 1, AffectedClass: uid.Verification}).Encode())
	store := append(values(1, true, true, storeCommand(1)), values(1, false, true, []byte{8, 0, 0x18, 0, 2, 0, 0, 0, '1', 0})...)
	find := append(values(3, true, true, (&Command{Field: CFind, MessageID: 2, AffectedClass: rawContexts[1].Abstract, HasDataSet: true}).Encode()),
		values(3, false, true, []byte{8, 0, 0x52, 0, 6, 0, 0, 0, 'S', 'T', 'U', 'D', 'Y', ' '})...)
	release := pdu.AppendRelease(nil, pdu.ReleaseRQ)
	for _, seed := range [][]byte{echo, store, find, release, append(append(append([]byte{}, echo...), find...), release...), pdu.Abort{}.Append(nil), store[:len(store)/2]} {
		f.Add(seed)
	}
	p := newPACS()
	s := serverFor(p)
	s.Link = ul.Config{ARTIM: 2 * time.Second, Response: 2 * time.Second, Idle: 2 * time.Second, Transfer: 2 * time.Second}
	s.Timeout = 2 * time.Second
	s.ctx, s.byHost = f.Context(), map[netip.Addr]int{}
	f.Fuzz(func(t *testing.T, b []byte) {
		client, server := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.serve(t.Context(), server)
		}()
		go io.Copy(io.Discard, client)
		client.SetWriteDeadline(time.Now().Add(5 * time.Second))
		client.Write(hello(rawContexts...))
		client.Write(b)
		client.Close()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("the association goes on although the connection is closed")
		}
	})
}
