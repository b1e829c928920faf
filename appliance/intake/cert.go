package intake

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// selfSignedFor is how long a certificate of our own lasts. Nobody renews it by hand and whoever trusts it has pinned it, so it
// should outlive the machine; it is renewed at a start after its end.
const selfSignedFor = 10 * 365 * 24 * time.Hour

// OpenKeyring opens the named certificate or, when none is named, the self-signed one of the data directory, made if need be.
func OpenKeyring(certFile, keyFile, dataDir string, log *slog.Logger) (*Keyring, error) {
	k := &Keyring{certFile: certFile, keyFile: keyFile}
	if k.certFile == "" {
		dir := filepath.Join(dataDir, "tls")
		k.certFile, k.keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		if err := ensureSelfSigned(dir, k.certFile, k.keyFile, time.Now(), log); err != nil {
			return nil, err
		}
	}
	return k, k.Load()
}

// ensureSelfSigned makes a key and a certificate unless a certificate that has not ended is there. The key is written first: a
// start that was cut short leaves a key without certificate, and the next makes both anew; a pair that does not match never appears.
func ensureSelfSigned(dir, certFile, keyFile string, now time.Time, log *slog.Logger) error {
	switch end, err := certificateEnd(certFile); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case now.Before(end):
		return nil
	default:
		log.Warn("the self-signed certificate has ended; making a new one", "file", certFile, "ended", end)
		if err := os.Remove(certFile); err != nil {
			return fmt.Errorf("intake: the ended certificate: %w", err)
		}
	}
	cert, key, err := selfSign(now)
	if err != nil {
		return fmt.Errorf("intake: making a self-signed certificate: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("intake: the certificate's directory: %w", err)
	}
	if err := replace(dir, keyFile, key, 0o600); err != nil {
		return err
	}
	if err := replace(dir, certFile, cert, 0o644); err != nil {
		return err
	}
	log.Info("made a self-signed certificate; clients must be told to trust it", "file", certFile)
	return nil
}

func certificateEnd(file string) (time.Time, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return time.Time{}, fmt.Errorf("intake: the certificate: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return time.Time{}, fmt.Errorf("intake: %s holds no certificate: put one there, or remove it and a self-signed one is made", file)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, fmt.Errorf("intake: %s: %w", file, err)
	}
	return c.NotAfter, nil
}

// selfSign makes an ECDSA key and a certificate for this machine's names, both as PEM.
func selfSign(now time.Time) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	names := []string{"localhost"}
	if host, err := os.Hostname(); err == nil && host != "" && host != "localhost" {
		names = append(names, host)
	}
	template := &x509.Certificate{
		SerialNumber:          serial.Add(serial, big.NewInt(1)),
		Subject:               pkix.Name{CommonName: names[len(names)-1], Organization: []string{"Penstock, self-signed"}},
		NotBefore:             now.Add(-time.Hour), // a client's clock may be behind ours
		NotAfter:              now.Add(selfSignedFor),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              names,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), nil
}

// replace puts a file in place whole and for good: written aside, synced, renamed, and the directory synced.
func replace(dir, file string, content []byte, mode os.FileMode) error {
	aside, err := os.CreateTemp(dir, filepath.Base(file)+".*.tmp") // made with mode 0600
	if err != nil {
		return fmt.Errorf("intake: %s: %w", file, err)
	}
	_, err = aside.Write(content)
	err = errors.Join(err, aside.Chmod(mode), aside.Sync(), aside.Close())
	if err == nil {
		err = os.Rename(aside.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("intake: %s: %w", file, err), os.Remove(aside.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("intake: %s: %w", dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("intake: %s: %w", dir, err)
	}
	return nil
}
