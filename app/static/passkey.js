// Passkeys: what a page must not do without a script. The page's forms carry the answers to the server.
const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const named = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));

function parsed(options) {
  const read = { ...options, challenge: bytes(options.challenge) };
  if (options.user) read.user = { ...options.user, id: bytes(options.user.id) };
  if (options.allowCredentials) read.allowCredentials = named(options.allowCredentials);
  if (options.excludeCredentials) read.excludeCredentials = named(options.excludeCredentials);
  return read;
}

function written(credential) {
  const response = { clientDataJSON: text(credential.response.clientDataJSON) };
  for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[part]) response[part] = text(credential.response[part]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  });
}

async function optionsOf(form) {
  if (form.dataset.options) return JSON.parse(form.dataset.options).publicKey;
  const answer = await fetch(form.dataset.from, { method: "POST" });
  if (!answer.ok) throw new Error(answer.status);
  return (await answer.json()).publicKey;
}

function send(form, credential) {
  form.elements.credential.value = written(credential);
  form.submit();
}

let waiting = null;

// Offered in the menu of the address field, until the button is pressed. A challenge lives for five minutes.
async function offer(form) {
  for (;;) {
    waiting = new AbortController();
    const end = setTimeout(() => waiting.abort("old"), 240000);
    try {
      const publicKey = parsed(await optionsOf(form));
      send(form, await navigator.credentials.get({ publicKey, mediation: "conditional", signal: waiting.signal }));
      return;
    } catch (error) {
      if (waiting.signal.reason !== "old") return;
    } finally {
      clearTimeout(end);
    }
  }
}

async function ask(form, button, status) {
  waiting?.abort("asked");
  status.textContent = status.dataset.waiting;
  button.disabled = true;
  try {
    const publicKey = parsed(await optionsOf(form));
    const creates = form.dataset.passkey === "create";
    send(form, await navigator.credentials[creates ? "create" : "get"]({ publicKey }));
  } catch {
    status.textContent = status.dataset.failed;
    button.disabled = false;
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  const button = form.querySelector("button");
  const status = form.querySelector("[role=status]");
  button.hidden = false;
  button.addEventListener("click", () => ask(form, button, status));
  if ("autofill" in form.dataset && (await PublicKeyCredential.isConditionalMediationAvailable?.())) offer(form);
}
