import java.net.HttpURLConnection;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Java's own clients, told nothing of a proxy. */
class Balance {
    public static void main(String[] arguments) throws Exception {
        URI balance = URI.create("https://api.stripe.com/v1/balance");
        HttpURLConnection connection = (HttpURLConnection) balance.toURL().openConnection();
        System.out.println("URLConnection " + connection.getResponseCode());
        HttpClient client = HttpClient.newBuilder().proxy(ProxySelector.getDefault()).build();
        HttpRequest request = HttpRequest.newBuilder(balance).build();
        System.out.println("HttpClient " + client.send(request, HttpResponse.BodyHandlers.discarding()).statusCode());
    }
}
