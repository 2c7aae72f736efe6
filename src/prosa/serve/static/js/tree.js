// A conversation is a tree: editing a message or asking again adds a branch beside the old one, and nothing is lost.
//
// Its nodes are the messages of the API with what the page knows about each; `chosen` of a node is the child on the
// path in view.

const ROOT = "root";
const fresh = () => `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`; // randomUUID needs HTTPS

export function newConversation(settings, model) {
  const now = Date.now();
  return {
    id: fresh(),
    title: "",
    named: false,
    created: now,
    updated: now,
    model,
    settings: structuredClone(settings),
    nodes: { [ROOT]: { id: ROOT, parent: null, children: [], chosen: null } },
  };
}

/** Adds a message under a node (by default the end of the path) and puts it on the path. */
export function add(conversation, message, parent = end(conversation).id) {
  const node = { id: fresh(), parent, children: [], chosen: null, message, time: Date.now() };
  conversation.nodes[node.id] = node;
  conversation.nodes[parent].children.push(node.id);
  conversation.nodes[parent].chosen = node.id;
  return node;
}

/** The nodes in view, from the first message down. */
export function path(conversation) {
  const found = [];
  let node = conversation.nodes[conversation.nodes[ROOT].chosen];
  while (node) {
    found.push(node);
    node = conversation.nodes[node.chosen];
  }
  return found;
}

/** The nodes from the first message down to this one. */
export function upTo(conversation, id) {
  const found = [];
  for (let node = conversation.nodes[id]; node.parent !== null; node = conversation.nodes[node.parent])
    found.unshift(node);
  return found;
}

export const end = (conversation) => path(conversation).at(-1) ?? conversation.nodes[ROOT];

/** The ids of a node and those beside it, oldest first. */
export const siblings = (conversation, node) => conversation.nodes[node.parent].children;

export function choose(conversation, id) {
  conversation.nodes[conversation.nodes[id].parent].chosen = id;
}

/** Turns of a path: what a person said, and an answer with all its calls of tools and their results. */
export function turns(nodes) {
  const found = [];
  for (const node of nodes) {
    if (node.message.role === "user") found.push({ role: "user", nodes: [node] });
    else if (found.at(-1)?.role === "assistant") found.at(-1).nodes.push(node);
    else found.push({ role: "assistant", nodes: [node] });
  }
  return found;
}
