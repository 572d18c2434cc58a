package cyberark

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// serveSaaS has what the services do: the one by an API key, the other, below
// /ngts, by OAuth and without applications.
func (s *Server) serveSaaS(mux *http.ServeMux) {
	byKey := func(serve http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("tppl-api-key") != APIKey {
				refuse(w, http.StatusUnauthorized, 10501, "Unauthorized access")
				return
			}
			serve(w, r)
		}
	}
	byToken := func(serve http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if s.authorized(w, r) {
				serve(w, r)
			}
		}
	}
	mux.HandleFunc("GET /v1/useraccounts", byKey(func(w http.ResponseWriter, _ *http.Request) {
		Reply(w, http.StatusOK, map[string]any{"user": map[string]any{"username": "jane@example.com"}, "company": map[string]any{"id": "company-1"}})
	}))
	mux.HandleFunc("GET /outagedetection/v1/applications/name/{application}", byKey(func(w http.ResponseWriter, r *http.Request) {
		if name := r.PathValue("application"); name != Application {
			refuse(w, http.StatusNotFound, 10051, "Unable to find application for key "+name)
			return
		}
		Reply(w, http.StatusOK, map[string]any{"id": "application-1", "name": Application, "certificateIssuingTemplateAliasIdMap": map[string]string{Template: "template-1"}})
	}))
	mux.HandleFunc("GET /outagedetection/v1/applications/{application}/certificateissuingtemplates/{template}", byKey(func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("application") != Application || r.PathValue("template") != Template {
			refuse(w, http.StatusBadRequest, 20216, "No certificate issuing template with alias "+r.PathValue("template"))
			return
		}
		Reply(w, http.StatusOK, s.Rules)
	}))
	mux.HandleFunc("POST /ngts/oauth2/access_token", s.oauth)
	mux.HandleFunc("GET /ngts/v1/certificateissuingtemplates", byToken(func(w http.ResponseWriter, _ *http.Request) {
		Reply(w, http.StatusOK, map[string]any{"certificateIssuingTemplates": []any{map[string]any{"id": "template-0", "name": "Other"}, s.Rules}})
	}))
	for _, service := range []struct {
		prefix, application string
		by                  func(http.HandlerFunc) http.HandlerFunc
	}{{"", "application-1", byKey}, {"/ngts", "", byToken}} {
		mux.HandleFunc("POST "+service.prefix+"/outagedetection/v1/certificaterequests", service.by(func(w http.ResponseWriter, r *http.Request) {
			s.saasRequest(w, r, service.application)
		}))
		mux.HandleFunc("GET "+service.prefix+"/outagedetection/v1/certificaterequests/{id}", service.by(s.saasStatus))
		mux.HandleFunc("GET "+service.prefix+"/outagedetection/v1/certificates/{id}/contents", service.by(s.saasContents))
	}
}

func refuse(w http.ResponseWriter, status, code int, message string) {
	Reply(w, status, map[string]any{"errors": []any{map[string]any{"code": code, "message": message, "args": []any{}}}})
}

func (s *Server) oauth(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	switch {
	case r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "tsg_id:"+TSGID:
		Reply(w, http.StatusBadRequest, map[string]any{"error": "invalid_scope", "error_description": "Unknown/invalid scope(s)"})
	case id != OAuthClient || secret != OAuthSecret:
		Reply(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_description": "Client authentication failed"})
	default:
		Reply(w, http.StatusOK, map[string]any{"access_token": s.newToken(), "token_type": "Bearer", "expires_in": int(s.TokenLife / time.Second), "scope": r.FormValue("scope")})
	}
}

func (s *Server) saasRequest(w http.ResponseWriter, r *http.Request, application string) {
	var body struct {
		CSR         string `json:"certificateSigningRequest"`
		Application string `json:"applicationId"`
		Template    string `json:"certificateIssuingTemplateId"`
		Client      struct {
			Type       string `json:"type"`
			Identifier string `json:"identifier"`
		} `json:"apiClientInformation"`
		Validity   string         `json:"validityPeriod"`
		Attributes map[string]any `json:"csrAttributes"`
		Tags       []string       `json:"tags"`
	}
	if !s.read(w, r, &body) {
		return
	}
	if body.Application != application || body.Template != "template-1" || body.Client.Identifier == "" {
		refuse(w, http.StatusBadRequest, 10052, "The request is not valid")
		return
	}
	lifetime, err := time.ParseDuration(strings.ToLower(strings.TrimPrefix(body.Validity, "PT")))
	if err != nil || !strings.HasPrefix(body.Validity, "PT") {
		refuse(w, http.StatusBadRequest, 10053, "The validity period is not one of ISO 8601")
		return
	}
	id := fmt.Sprintf("request-%d", len(s.issued)+1)
	if err := s.accept(id, body.CSR, lifetime); err != nil {
		refuse(w, http.StatusBadRequest, 10054, err.Error())
		return
	}
	Reply(w, http.StatusCreated, map[string]any{"certificateRequests": []any{map[string]any{"id": id, "status": "NEW", "certificateIssuingTemplateId": body.Template}}})
}

func (s *Server) saasStatus(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	o := s.issued[id]
	if o == nil {
		refuse(w, http.StatusNotFound, 10051, "Unable to find certificateRequest for key "+id)
		return
	}
	if s.collect(o) == nil {
		Reply(w, http.StatusOK, map[string]any{"id": id, "status": "PENDING"})
		return
	}
	Reply(w, http.StatusOK, map[string]any{"id": id, "status": "ISSUED", "certificateIds": []string{"certificate-of-" + id}})
}

func (s *Server) saasContents(w http.ResponseWriter, r *http.Request) {
	o := s.issued[strings.TrimPrefix(r.PathValue("id"), "certificate-of-")]
	if o == nil || o.chain == nil || r.URL.Query().Get("chainOrder") != "EE_FIRST" || r.URL.Query().Get("format") != "PEM" {
		refuse(w, http.StatusNotFound, 10051, "Unable to find certificate")
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	if _, err := w.Write(o.chain); err != nil {
		s.t.Log(err)
	}
}
