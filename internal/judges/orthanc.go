package judges

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Orthanc starts Orthanc with its DICOMweb plugin, which knows the service at peer by the name "cineloop".
func Orthanc(t testing.TB, peer string) (base string) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no judge is heard")
	}
	const plugin = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
	if _, err := os.Stat(plugin); err != nil {
		t.Skip("Orthanc's DICOMweb plugin is not installed")
	}
	return start(t, map[string]any{"Plugins": []string{plugin}, "DicomWeb": map[string]any{"Enable": true, "Root": "/dicom-web/", "Servers": map[string]any{"cineloop": []string{peer + "/"}}}})
}

// PlainOrthanc starts Orthanc without plugins.
func PlainOrthanc(t testing.TB) (base string) {
	t.Helper()
	return start(t, nil)
}

// start runs an Orthanc of the test's own, with more keys in its configuration.
func start(t testing.TB, more map[string]any) (base string) {
	t.Helper()
	path, err := exec.LookPath("Orthanc")
	if err != nil {
		t.Skip("Orthanc is not installed")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	dir := t.TempDir()
	keys := map[string]any{"StorageDirectory": dir, "IndexDirectory": dir, "HttpPort": port, "DicomServerEnabled": false, "RemoteAccessAllowed": false, "AuthenticationEnabled": false}
	maps.Copy(keys, more)
	config, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "orthanc.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, file)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Skipf("Orthanc does not start here: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	base = fmt.Sprintf("http://127.0.0.1:%d", port)
	for range 600 {
		if resp, err := http.Get(base + "/system"); err == nil {
			resp.Body.Close()
			return base
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("Orthanc does not answer")
	return ""
}
