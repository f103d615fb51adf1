import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;

/** Java's own client, told nothing of a proxy. As session.py: a command per line in, an answer per line of JSON out. */
class HttpClientSession {
    static final HttpClient CLIENT = HttpClient.newHttpClient();

    public static void main(String[] arguments) throws Exception {
        System.out.println("{\"ready\": true}");
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            List<String> words = Arrays.asList(line.split(" "));
            System.out.println(call(words.get(0).toUpperCase(), words.get(1), words.subList(2, words.size())));
        }
    }

    static String call(String method, String url, List<String> pairs) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url))
            .header("Authorization", "Bearer sk_test_not-a-secret")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .method(method, HttpRequest.BodyPublishers.ofString(String.join("&", pairs)))
            .build();
        try {
            return told(CLIENT.send(request, HttpResponse.BodyHandlers.ofByteArray()));
        } catch (IOException problem) {
            return answer(false, 0, "null", error(problem, "null", "null", problem.toString()), "");
        }
    }

    /** It has no error for a status: what an agent looks at is the response. */
    static String told(HttpResponse<byte[]> response) throws Exception {
        // What a proxy says to CONNECT comes without its content.
        byte[] content = response.body() == null ? new byte[0] : response.body();
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(content);
        String text = new String(content, StandardCharsets.UTF_8), status = "" + response.statusCode();
        String headers = response.headers().map().entrySet().stream()
            .map(header -> quoted(header.getKey()) + ": " + quoted(header.getValue().get(0)))
            .collect(Collectors.joining(", "));
        boolean ok = response.statusCode() < 400;
        String decision = response.headers().firstValue("runplane-decision").map(HttpClientSession::quoted).orElse("null");
        String error = ok ? "null" : error(response, decision, status, text);
        return answer(ok, response.statusCode(), quoted(HexFormat.of().formatHex(digest)), error, headers);
    }

    static String answer(boolean ok, int status, String digest, String error, String headers) {
        return "{\"ok\": " + ok + ", \"status\": " + status + ", \"sha256\": " + digest + ", \"value\": null, \"error\": "
            + error + ", \"headers\": {" + headers + "}}";
    }

    static String error(Object problem, String code, String status, String message) {
        String name = problem instanceof HttpResponse ? "HttpResponse" : problem.getClass().getSimpleName();
        return "{\"class\": " + quoted(name) + ", \"code\": " + code + ", \"http_status\": " + status
            + ", \"message\": " + quoted(message) + "}";
    }

    static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char character : text.toCharArray()) {
            boolean plain = character >= ' ' && character != '"' && character != '\\';
            quoted.append(plain ? "" + character : String.format("\\u%04x", (int) character));
        }
        return quoted.append('"').toString();
    }
}
