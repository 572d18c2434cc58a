package cyberark

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// serveTPP has what the self-hosted server does.
func (s *Server) serveTPP(mux *http.ServeMux) {
	mux.HandleFunc("POST /vedauth/authorize/oauth", s.tppLogin)
	mux.HandleFunc("GET /vedauth/authorize/verify", func(w http.ResponseWriter, r *http.Request) {
		if s.authorized(w, r) {
			Reply(w, http.StatusOK, map[string]any{"application": ClientID, "identity": "local:{1}", "scope": "certificate:manage", "valid_for": 3600})
		}
	})
	mux.HandleFunc("POST /vedsdk/certificates/checkpolicy", s.tppPolicy)
	mux.HandleFunc("POST /vedsdk/certificates/reset", s.tppReset)
	mux.HandleFunc("POST /vedsdk/certificates/request", s.tppRequest)
	mux.HandleFunc("POST /vedsdk/certificates/retrieve", s.tppRetrieve)
}

// badRequest is how the self-hosted server refuses.
func badRequest(w http.ResponseWriter, text string) {
	Reply(w, http.StatusBadRequest, map[string]any{"Error": text})
}

func (s *Server) tppLogin(w http.ResponseWriter, r *http.Request) {
	var body struct{ Client_id, Username, Password, Scope string } //nolint:revive // as the API names it
	if !s.read(w, r, &body) {
		return
	}
	if body.Client_id != ClientID || body.Username != Username || body.Password != Password {
		Reply(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": "Username/password combination not valid"})
		return
	}
	if body.Scope != "certificate:manage" {
		s.t.Errorf("got the scope %q", body.Scope)
	}
	Reply(w, http.StatusOK, map[string]any{
		"access_token": s.newToken(), "refresh_token": "a-refresh-token", "expires": s.clock().Add(s.TokenLife).Unix(), "token_type": "Bearer",
		"scope": body.Scope, "identity": "local:{1}", "refresh_until": s.clock().AddDate(1, 0, 0).Unix(),
	})
}

func (s *Server) tppPolicy(w http.ResponseWriter, r *http.Request) {
	var body struct{ PolicyDN string }
	if !s.authorized(w, r) || !s.read(w, r, &body) {
		return
	}
	if body.PolicyDN != Folder {
		badRequest(w, "PolicyDN: "+body.PolicyDN+" does not exist")
		return
	}
	Reply(w, http.StatusOK, map[string]any{"Policy": s.Policy})
}

func (s *Server) tppReset(w http.ResponseWriter, r *http.Request) {
	var body struct {
		CertificateDN string
		Restart       bool
	}
	if !s.authorized(w, r) || !s.read(w, r, &body) {
		return
	}
	text := "Reset is not completed. No reset is required for the certificate."
	if s.issued[body.CertificateDN] == nil {
		text = "Certificate " + body.CertificateDN + " does not exist or you do not have sufficient rights to the object."
	}
	badRequest(w, text)
}

func (s *Server) tppRequest(w http.ResponseWriter, r *http.Request) {
	var body struct {
		PolicyDN, ObjectName, PKCS10, CertificateType, Origin string
		SubjectAltNames                                       []struct {
			Type int
			Name string
		}
		CASpecificAttributes []struct{ Name, Value string }
		CustomFields         []struct {
			Name   string
			Values []string
		}
		DisableAutomaticRenewal, Reenable bool
		KeyAlgorithm, EllipticCurve       string
		KeyBitSize                        int
	}
	if !s.authorized(w, r) || !s.read(w, r, &body) {
		return
	}
	if body.PolicyDN != Folder || body.ObjectName == "" {
		badRequest(w, "PolicyDN or ObjectName is not valid")
		return
	}
	lifetime := 90 * 24 * time.Hour
	for _, attribute := range body.CASpecificAttributes {
		if attribute.Name == "Specific End Date" {
			end, err := time.Parse(time.RFC3339, attribute.Value)
			if err != nil {
				s.t.Errorf("specific end date: %v", err)
			}
			lifetime = end.Sub(s.clock())
		}
	}
	dn := body.PolicyDN + `\` + strings.ReplaceAll(body.ObjectName, `\`, "")
	if err := s.accept(dn, body.PKCS10, lifetime); err != nil {
		badRequest(w, err.Error())
		return
	}
	Reply(w, http.StatusOK, map[string]any{"CertificateDN": dn, "Guid": "{00000000-0000-0000-0000-000000000001}"})
}

func (s *Server) tppRetrieve(w http.ResponseWriter, r *http.Request) {
	var body struct {
		CertificateDN, Format string
		IncludeChain          bool
	}
	if !s.authorized(w, r) || !s.read(w, r, &body) {
		return
	}
	o := s.issued[body.CertificateDN]
	switch {
	case o == nil:
		badRequest(w, "Certificate "+body.CertificateDN+" does not exist or you do not have sufficient rights to the object.")
		return
	case body.Format != "base64" || !body.IncludeChain:
		s.t.Errorf("retrieve: %+v", body)
	}
	chain := s.collect(o)
	if chain == nil {
		Reply(w, http.StatusAccepted, map[string]any{"Stage": 400, "Status": "Post CSR"})
		return
	}
	Reply(w, http.StatusOK, map[string]any{"CertificateData": base64.StdEncoding.EncodeToString(chain), "Format": "base64", "Filename": "web.cer"})
}
