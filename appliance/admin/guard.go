package admin

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// guard stands before every path. It keeps out what a web page can make the operator's browser send:
//
//   - A Host that is not ours. A page's own name can be made to resolve to our address (DNS rebinding); the browser then believes
//     our answers belong to that page, but it still sends that name. Ours are: loopback's names and addresses, the address we
//     are bound to (for a wildcard: the address the connection came to), and the names the operator gave.
//   - A request from another origin, by Sec-Fetch-Site or Origin. This is stricter than http.CrossOriginProtection, which lets GET
//     through: here reading is what there is to protect. No answer carries a CORS header.
type guard struct {
	bound net.IP
	hosts map[string]bool // lower case, without port and trailing dot
}

func newGuard(bound net.IP, hosts []string) *guard {
	g := &guard{bound: bound, hosts: map[string]bool{"localhost": true}}
	for _, h := range hosts {
		g.hosts[hostName(h)] = true
	}
	return g
}

func (g *guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if !g.ourHost(r) {
			refuse(w, http.StatusForbidden, "this server does not answer to the host %q: add it to --admin-hosts if it should", r.Host)
			return
		}
		if !ourOrigin(r) {
			refuse(w, http.StatusForbidden, "this server does not answer to other web sites' pages")
			return
		}
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete:
		default:
			w.Header().Set("Allow", "GET, HEAD, POST, DELETE")
			refuse(w, http.StatusMethodNotAllowed, "this server knows GET, HEAD, POST and DELETE")
			return
		}
		// Deadlines outlive a request on its connection, so each request sets its own.
		control := http.NewResponseController(w)
		_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // a writer without deadlines (HTTP/1 has them) is no reason to refuse
		if r.ContentLength != 0 {
			_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
		}
		r.Body = http.MaxBytesReader(w, r.Body, bodyMax)
		next.ServeHTTP(w, r)
	})
}

// ourHost reports whether the request calls us by a name that is ours.
func (g *guard) ourHost(r *http.Request) bool {
	name := hostName(r.Host)
	if g.hosts[name] {
		return true
	}
	ip, err := netip.ParseAddr(name)
	if err != nil {
		return false
	}
	ip = ip.Unmap()
	if ip.IsLoopback() || g.bound.Equal(ip.AsSlice()) && !g.bound.IsUnspecified() {
		return true
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && local.IP.Equal(ip.AsSlice())
}

// ourOrigin reports whether the request comes from a program, or from a page this server itself gave.
func ourOrigin(r *http.Request) bool {
	for _, site := range r.Header["Sec-Fetch-Site"] {
		if site != "same-origin" && site != "none" { // none: typed into the address bar
			return false
		}
	}
	for _, origin := range r.Header["Origin"] {
		// The scheme is not compared: behind a proxy that ends TLS it is not the one we see.
		if u, err := url.Parse(origin); err != nil || u.Host == "" || u.Host != r.Host {
			return false
		}
	}
	return true
}

// hostName takes the port, IPv6's brackets and the trailing dot off a host, and its case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
