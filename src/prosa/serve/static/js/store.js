// Where conversations are kept: this browser's IndexedDB, or, where it has none for us, this tab's memory.

const NAME = "prosa";
let opened = null;
const memory = new Map();
export const keeps = async () => (await database()) !== null;

function database() {
  opened ??= new Promise((resolve) => {
    try {
      const request = indexedDB.open(NAME, 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore("titles", { keyPath: "id" });
        request.result.createObjectStore("conversations", { keyPath: "id" });
      };
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
  return opened;
}

const result = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

function written(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

const titleOf = ({ id, title, updated }) => ({ id, title, updated });
const other = "BroadcastChannel" in window ? new BroadcastChannel(NAME) : null;

/** Calls back when another tab changed the list. */
export function onOthers(change) {
  if (other) other.onmessage = () => change();
}

/** `{id, title, updated}` of each, newest first. */
export async function titles() {
  const db = await database();
  const found = db
    ? await result(db.transaction("titles").objectStore("titles").getAll())
    : [...memory.values()].map(titleOf);
  return found.sort((a, b) => b.updated - a.updated);
}

export async function load(id) {
  const db = await database();
  return db ? result(db.transaction("conversations").objectStore("conversations").get(id)) : memory.get(id);
}

export async function save(conversation) {
  const db = await database();
  if (!db) {
    memory.set(conversation.id, conversation);
    return;
  }
  const transaction = db.transaction(["titles", "conversations"], "readwrite");
  transaction.objectStore("titles").put(titleOf(conversation));
  transaction.objectStore("conversations").put(conversation);
  await written(transaction);
  other?.postMessage(conversation.id);
}

export async function remove(id) {
  const db = await database();
  memory.delete(id);
  if (!db) return;
  const transaction = db.transaction(["titles", "conversations"], "readwrite");
  transaction.objectStore("titles").delete(id);
  transaction.objectStore("conversations").delete(id);
  await written(transaction);
  other?.postMessage(id);
}
