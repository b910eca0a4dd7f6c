import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.temporal.api.enums.v1.WorkflowIdReusePolicy;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowExecutionAlreadyStarted;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.io.File;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * An order from Java: start it, ask to cancel, accept, read where it stands.
 *
 * <pre>
 * recourse policy payload resolution_center > policy.json
 * mvn -q compile exec:java -Dexec.args="1001 policy.json"
 * </pre>
 */
public final class CancelOrder {
  private static final Map<String, Object> CLIENT = Map.of("role", "client", "id", "c-3");
  private static final Map<String, Object> FREELANCER = Map.of("role", "freelancer", "id", "f-7");

  public static void main(String[] args) throws Exception {
    String orderId = args[0];
    JsonNode policy = new ObjectMapper().readTree(new File(args[1]));
    WorkflowServiceStubs service =
        WorkflowServiceStubs.newServiceStubs(
            WorkflowServiceStubsOptions.newBuilder()
                .setTarget(setting("TEMPORAL_ADDRESS", "localhost:7233"))
                .build());
    WorkflowClient temporal = WorkflowClient.newInstance(service);
    start(temporal, orderId, policy);

    WorkflowStub order = temporal.newUntypedWorkflowStub("order-" + orderId);
    Map<String, Object> cancel = Map.of("kind", "cancel", "comment", "We stopped the campaign.");
    give(order, "request", CLIENT, "web-1", cancel);
    give(order, "request", CLIENT, "web-1", cancel);
    give(order, "accept", CLIENT, "web-2", Map.of()); // nobody accepts their own request
    JsonNode last = give(order, "accept", FREELANCER, "app-1", Map.of());

    JsonNode page = order.query("page", JsonNode.class);
    System.out.printf(
        "The order is %s (%s), its money %s.%n",
        page.get("phase").asText(),
        page.at("/resolution/how").asText(),
        last.get("settlement").asText());
    JsonNode money = page.get("money");
    System.out.printf(
        "client %s, freelancer %s, platform %s%n",
        money.get("client"), money.get("freelancer"), money.get("platform"));
    service.shutdownNow();
  }

  private static void start(WorkflowClient temporal, String orderId, JsonNode policy) {
    Map<String, Object> terms = new HashMap<>();
    terms.put("order_id", orderId);
    terms.put("client", "c-3");
    terms.put("freelancer", "f-7");
    terms.put("currency", "USD");
    terms.put("price", 10_000); // minor units: 100.00 USD
    terms.put("service_fee", 550);
    terms.put("ordered_at", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    terms.put("delivery_time", "5d");
    // The salt is secret, and another one for each order.
    String salt = UUID.randomUUID().toString();
    WorkflowOptions options =
        WorkflowOptions.newBuilder()
            .setWorkflowId("order-" + orderId)
            .setTaskQueue(setting("RECOURSE_TASK_QUEUE", "recourse"))
            .setWorkflowIdReusePolicy( // an order id is never used again
                WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE)
            .build();
    try {
      temporal
          .newUntypedWorkflowStub("Order", options)
          .start(Map.of("terms", terms, "policy", policy, "record_salt", salt));
      System.out.println("The order has started.");
    } catch (WorkflowExecutionAlreadyStarted before) {
      System.out.println("The order had started before.");
    }
  }

  /** Sending the same command_id again is always safe: it gets the first answer and changes nothing. */
  private static JsonNode give(
      WorkflowStub order, String command, Map<String, Object> actor, String id, Map<String, Object> fields) {
    Map<String, Object> payload = new HashMap<>(fields);
    payload.put("actor", actor);
    payload.put("command_id", id);
    // Without a worker it would wait for ever; after the time limit, send the same again.
    JsonNode outcome =
        CompletableFuture.supplyAsync(() -> order.update(command, JsonNode.class, payload))
            .orTimeout(60, TimeUnit.SECONDS)
            .join();
    boolean applied = outcome.get("status").asText().equals("applied");
    System.out.printf(
        "%s by the %s: %s%s%n",
        command,
        actor.get("role"),
        applied ? "applied, " + outcome.get("phase").asText() : "refused, " + outcome.get("code").asText(),
        outcome.path("repeated").asBoolean() ? " (repeated)" : "");
    return outcome;
  }

  private static String setting(String name, String otherwise) {
    return System.getenv().getOrDefault(name, otherwise);
  }
}
