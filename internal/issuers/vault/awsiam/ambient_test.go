package awsiam

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// machine is what answers on a machine of AWS, or beside a container.
func machine(t *testing.T, handlers map[string]http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler := handlers[r.Method+" "+r.URL.Path]; handler != nil {
			handler(w, r)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	return server
}

const granted = `{"Code":"Success","AccessKeyId":"ASIA","SecretAccessKey":"secret","Token":"session","Expiration":"2026-11-24T14:00:00Z"}`

func TestCredentialsOfTheProcessAreFound(t *testing.T) {
	t.Parallel()
	server := machine(t, map[string]http.HandlerFunc{
		"PUT /latest/api/token": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") == "" {
				w.WriteHeader(http.StatusBadRequest)
			}
			fmt.Fprint(w, "imds-token")
		},
		"GET /latest/meta-data/iam/security-credentials/": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Aws-Ec2-Metadata-Token") != "imds-token" {
				w.WriteHeader(http.StatusUnauthorized)
			}
			fmt.Fprint(w, "node-role\n")
		},
		"GET /latest/meta-data/iam/security-credentials/node-role": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Aws-Ec2-Metadata-Token") != "imds-token" {
				w.WriteHeader(http.StatusUnauthorized)
			}
			fmt.Fprint(w, granted)
		},
		"GET /agent": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "pod-token" {
				w.WriteHeader(http.StatusForbidden)
			}
			fmt.Fprint(w, granted)
		},
		"POST /sts": func(w http.ResponseWriter, r *http.Request) {
			if r.PostFormValue("WebIdentityToken") != "jwt" || r.PostFormValue("RoleArn") != "arn" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			fmt.Fprint(w, `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA</AccessKeyId>`+
				`<SecretAccessKey>secret</SecretAccessKey><SessionToken>session</SessionToken></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`)
		},
	})
	files := map[string]string{"/tokens/web": "jwt\n", "/tokens/pod": "pod-token\n"}
	role := Credentials{AccessKeyID: "ASIA", SecretAccessKey: "secret", SessionToken: "session"}
	rows := []struct {
		sentence    string
		environment map[string]string
		metadata    string
		want        Credentials
		err         string
	}{
		{"keys in the environment", map[string]string{"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"}, "", Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret"}, ""},
		{"a service account", map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/tokens/web", "AWS_ROLE_ARN": "arn"}, "", role, ""},
		{"a service account whose role is another", map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/tokens/web", "AWS_ROLE_ARN": "other"}, "", Credentials{}, "assume AWS role: AWS answered 403"},
		{"a service account without its file", map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/tokens/none"}, "", Credentials{}, "read web identity token"},
		{"an agent", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL + "/agent", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/tokens/pod"}, "", role, ""},
		{"an agent that refuses", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL + "/agent"}, "", Credentials{}, "get AWS credentials of the container: AWS answered 403"},
		{"a machine", nil, server.URL, role, ""},
		{"a machine that is not to be asked", map[string]string{"AWS_EC2_METADATA_DISABLED": "true"}, server.URL, Credentials{}, ErrNone.Error()},
		{"a machine of somebody else", nil, server.URL + "/elsewhere", Credentials{}, ErrNone.Error()},
	}
	for _, row := range rows {
		a := Ambient{
			Client: NewHTTPClient(), Metadata: row.metadata,
			Getenv: func(name string) string { return row.environment[name] },
			Read: func(path string) ([]byte, error) {
				if text, ok := files[path]; ok {
					return []byte(text), nil
				}
				return nil, os.ErrNotExist
			},
		}
		got, err := a.Credentials(t.Context(), server.URL+"/sts")
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != row.want || (text == "") != (row.err == "") || !strings.HasPrefix(text, row.err) {
			t.Errorf("%s: got the wanted ones: %t, error %q, want %q", row.sentence, got == row.want, text, row.err)
		}
	}
}

func TestMachineThatNobodyAnswersOnHasNoCredentials(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	a := Ambient{Client: NewHTTPClient(), Metadata: server.URL, Getenv: func(string) string { return "" }}
	if _, err := a.Credentials(t.Context(), ""); !errors.Is(err, ErrNone) {
		t.Errorf("error %v", err)
	}
}

func TestAnswerOfAWSDoesNotRevealTheToken(t *testing.T) {
	t.Parallel()
	server := machine(t, map[string]http.HandlerFunc{"POST /": func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>bad\n token %s</Message></Error></ErrorResponse>", r.PostFormValue("WebIdentityToken"))
	}})
	_, err := AssumeRole(t.Context(), NewHTTPClient(), server.URL, "arn", "s3cr3t")
	const want = "assume AWS role: AWS answered 400: InvalidIdentityToken: bad token ..."
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}
