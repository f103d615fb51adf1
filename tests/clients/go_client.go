// Go's own net/http, as an agent would use it: proxy (HTTPS_PROXY) and CA (SSL_CERT_FILE) from the environment.
//
// As session.py: a command per line on standard input, an answer per line of JSON on standard output.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

type failure struct {
	Class      string  `json:"class"`
	Code       *string `json:"code"`
	HTTPStatus *int    `json:"http_status"`
	Message    string  `json:"message"`
}

type answer struct {
	OK      bool              `json:"ok"`
	Status  *int              `json:"status"`
	SHA256  *string           `json:"sha256"`
	Value   *string           `json:"value"`
	Error   *failure          `json:"error"`
	Headers map[string]string `json:"headers"`
}

func call(method, address string, pairs []string) answer {
	form := url.Values{}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		form.Set(name, value)
	}
	request, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return failed(err)
	}
	request.Header.Set("Authorization", "Bearer sk_test_not-a-secret")
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return failed(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return failed(err)
	}
	return told(response, content)
}

func failed(err error) answer {
	class := strings.TrimPrefix(fmt.Sprintf("%T", err), "*")
	return answer{Error: &failure{Class: class, Message: err.Error()}, Headers: map[string]string{}}
}

// Go's client has no error for a status: what an agent looks at is the response itself.
func told(response *http.Response, content []byte) answer {
	digest := sha256.Sum256(content)
	sum, text := hex.EncodeToString(digest[:]), string(content)
	result := answer{OK: response.StatusCode < 400, Status: &response.StatusCode, SHA256: &sum, Value: &text}
	result.Headers = map[string]string{}
	for name := range response.Header {
		result.Headers[strings.ToLower(name)] = response.Header.Get(name)
	}
	if !result.OK {
		code := result.Headers["runplane-decision"]
		result.Error = &failure{Class: "Response", Code: &code, HTTPStatus: &response.StatusCode, Message: text}
	}
	return result
}

func main() {
	out := json.NewEncoder(os.Stdout)
	out.Encode(map[string]bool{"ready": true})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		out.Encode(call(strings.ToUpper(words[0]), words[1], words[2:]))
	}
}
