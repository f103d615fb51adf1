// What Java makes of one call, by HttpClient and by URLConnection. Arguments: the URL, and what the answer holds.
import java.io.InputStream;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.cert.X509Certificate;
import java.time.Duration;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

public class Probe {
    interface Call {
        String of(String url, boolean verify) throws Exception;
    }

    static final Duration LIMIT = Duration.ofSeconds(15);

    static SSLContext trusting() throws Exception {
        TrustManager all = new X509TrustManager() {
            public void checkClientTrusted(X509Certificate[] chain, String type) {}

            public void checkServerTrusted(X509Certificate[] chain, String type) {}

            public X509Certificate[] getAcceptedIssuers() {
                return new X509Certificate[0];
            }
        };
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {all}, null);
        return context;
    }

    static String byClient(String url, boolean verify) throws Exception {
        HttpClient.Builder builder = HttpClient.newBuilder().connectTimeout(LIMIT);
        HttpClient client = (verify ? builder : builder.sslContext(trusting())).build();
        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).timeout(LIMIT).build();
        return client.send(request, HttpResponse.BodyHandlers.ofString()).body();
    }

    static String byConnection(String url, boolean verify) throws Exception {
        HttpsURLConnection connection = (HttpsURLConnection) new URL(url).openConnection();
        connection.setConnectTimeout((int) LIMIT.toMillis());
        connection.setReadTimeout((int) LIMIT.toMillis());
        if (!verify) {
            connection.setSSLSocketFactory(trusting().getSocketFactory());
        }
        try (InputStream content = connection.getInputStream()) {
            return new String(content.readAllBytes());
        }
    }

    static String attempt(Call call, String[] arguments, boolean verify) {
        try {
            String answer = call.of(arguments[0], verify);
            return answer.contains(arguments[1]) ? "ok" : "another answer: " + answer;
        } catch (Exception problem) {
            Throwable cause = problem;
            while (cause.getCause() != null && cause.getCause() != cause) {
                cause = cause.getCause();
            }
            return problem.getClass().getSimpleName() + ": " + problem.getMessage() + " (" + cause + ")";
        }
    }

    static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        text.chars().limit(300).forEach(c -> quoted.append(c < 32 || c > 126 || c == '"' || c == '\\' ? ' ' : (char) c));
        return quoted.append('"').toString();
    }

    static void tell(String client, Call call, String[] arguments) {
        String verified = attempt(call, arguments, true);
        String line = "{\"client\":" + quoted(client) + ",\"version\":" + quoted(System.getProperty("java.version"))
            + ",\"verified\":" + quoted(verified);
        if (!verified.equals("ok")) {
            line += ",\"unverified\":" + quoted(attempt(call, arguments, false));
        }
        System.out.println(line + "}");
    }

    public static void main(String[] arguments) {
        tell("Java: HttpClient", Probe::byClient, arguments);
        tell("Java: URLConnection", Probe::byConnection, arguments);
        System.exit(0);
    }
}
