// The page of a player. Before this come the runtime of the rules and OPS, a pair [value, slopes] of functions per operation.

const root = document.currentScript.parentElement;
const { nodes, root: last, refusal } = JSON.parse(root.querySelector("script[type='application/json']").textContent);
const find = selector => root.querySelector(selector);
const stillness = matchMedia("(prefers-reduced-motion: reduce)");
const leaves = nodes.map((_, i) => i).filter(i => !nodes[i].parents.length && !nodes[i].constant);
const STEPS = [1, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6];
const MOST_PATHS = 6;

// ---------------------------------------------------------------- numbers

const exponent = n => [...String(n)].map(c => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");
const show = x => {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const [digits, power] = x.toExponential(4).split("e").map(Number);
  const plain = power > -5 && power < 6;
  const text = plain ? String(Number(x.toPrecision(5))) : `${digits}×10${exponent(power)}`;
  return text === "-0" ? "0" : text.replace("-", "−");
};
const inside = x => x < 0 ? `(${show(x)})` : show(x);  // after an operator
const times = n => n === 1 ? "once" : n === 2 ? "twice" : `${n} times`;

// ---------------------------------------------------------------- the two passes

const start = new Map(leaves.map(i => [i, Number(nodes[i].data)]));

/** Values and slopes of all nodes. At the numbers of the recording they are the recorded ones. */
const forward = given => {
  const recorded = leaves.every(i => Object.is(given.get(i), start.get(i)));
  const values = [], slopes = [];
  nodes.forEach((node, i) => {
    if (!node.parents.length || recorded) {
      values.push(given.get(i) ?? Number(node.data));
      slopes.push(node.slopes.map(Number));
    } else {
      const xs = node.parents.map(p => values[p]), [value, rule] = OPS[node.op];
      values.push(value(...xs));
      slopes.push(rule(values[i], ...xs));
    }
  });
  return { values, slopes };
};

/** Gradients of all nodes, in the order of backward(). */
const backward = slopes => {
  const gradients = nodes.map((_, i) => i === last ? 1 : 0);
  for (let i = nodes.length - 1; i >= 0; i--)
    nodes[i].parents.forEach((p, slot) => { gradients[p] += slopes[i][slot] * gradients[i]; });
  return gradients;
};

const evaluate = given => {
  const { values, slopes } = forward(given);
  return { values, slopes, gradients: backward(slopes) };
};

// ---------------------------------------------------------------- frames

const uses = nodes.map(() => 0);
const frames = [{ kind: "inputs" }];
nodes.forEach((node, i) => { if (node.parents.length) frames.push({ kind: "value", node: i }); });
const seed = frames.push({ kind: "seed", node: last, parent: last }) - 1;
for (let i = nodes.length - 1; i >= 0; i--)
  nodes[i].parents.forEach((parent, slot) => {
    if (!nodes[parent].constant) frames.push({ kind: "pass", node: i, slot, parent, use: ++uses[parent] });
  });
frames.push({ kind: "done" });

const valueFrame = nodes.map((_, i) => Math.max(0, frames.findIndex(f => f.kind === "value" && f.node === i)));
const gradientFrame = nodes.map((_, i) => frames.findLastIndex(f => f.parent === i));

let given = new Map(start), now = evaluate(given), at = 0, leaf = leaves[0];

/** Gradients so far in a frame, and how many contributions each node has. */
const sumsUntil = frame => {
  const sums = nodes.map(() => 0), got = nodes.map(() => 0);
  let before = 0;
  frames.slice(0, frame + 1).forEach(({ kind, node, slot, parent }) => {
    if (kind === "seed") sums[last] = got[last] = 1;
    if (kind === "pass") {
      before = sums[parent];
      sums[parent] += now.slopes[node][slot] * sums[node];
      got[parent]++;
    }
  });
  return { sums, got, before };
};
const isComplete = (i, got) => got[i] > 0 && got[i] >= uses[i];

// ---------------------------------------------------------------- elements

const make = (tag, attributes = {}, ...children) => {
  const space = { svg: "http://www.w3.org/2000/svg", math: "http://www.w3.org/1998/Math/MathML" }[attributes.space];
  const element = space ? document.createElementNS(space, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (name !== "space") element.setAttribute(name, value);
  element.append(...children);
  return element;
};
const svg = (tag, attributes, ...children) => make(tag, { ...attributes, space: "svg" }, ...children);
const ml = (tag, ...children) => make(tag, { space: "math" }, ...children);

// ---------------------------------------------------------------- mathematics

const MATH = "mrow mi mn mo mtext mfrac msup msub msubsup mover munder munderover msqrt mroot mtable mtr mtd".split(" ");
const together = text => text.replaceAll(" ", "\u00a0");  // no line may end in the middle
const d = i => together(`d ${nodes[last].name} / d ${nodes[i].name}`);
const gradientOf = (i, x) => `${d(i)}${together(` = ${show(x)}`)}`;
const valueOf = i => together(`${nodes[i].name} = ${show(now.values[i])}`);
const nameOf = i => nodes[i].constant ? ml("mn", show(now.values[i])) : ml("mi", nodes[i].name);
const number = x => ml("mn", show(x));
const bracketed = x => x < 0 ? ml("mrow", ml("mo", "("), number(x), ml("mo", ")")) : number(x);
const change = i => ml("mrow", ml("mi", "d"), make("mspace", { space: "math", width: "0.15em" }), nameOf(i));
const derivative = (top, bottom) => ml("mfrac", change(top), change(bottom));
const equation = (...parts) => {
  const row = ml("mrow", ...parts.map(part => typeof part === "string" ? ml("mo", part) : part));
  return make("math", { space: "math", displaystyle: "true" }, row);
};

/** Build a formula; an open place becomes the name or, with numbers, the value of its operand. */
const formula = (tree, i, withNumbers) => {
  const place = slot => slot < 0 ? i : nodes[i].parents[slot];
  const build = (tree, before) => {
    if (typeof tree === "string") return tree;
    if (typeof tree === "number") return !withNumbers ? nameOf(place(tree)) : before ? bracketed(now.values[place(tree)]) : number(now.values[place(tree)]);
    const [tag, ...children] = tree;
    const built = children.map((child, j) => {
      const previous = children[j - 1];
      const afterSign = tag === "msup" ? j === 0 : tag === "mrow" && j > 0 && !"([{|,⌊⌈".includes(previous[1] ?? " ");
      return build(child, afterSign);
    });
    return ml(MATH.includes(tag) ? tag : "mrow", ...built);
  };
  return build(tree, false);
};
const isPlain = tree => Array.isArray(tree) && !JSON.stringify(tree).match(/[[,]-?\d+[\],]/);  // no open place
const chain = (tree, i, result) => {  // = formula = with numbers = result
  const parts = ["=", formula(tree, i, false)];
  if (typeof tree !== "number" && !isPlain(tree)) parts.push("=", formula(tree, i, true));
  return isPlain(tree) && ml("mrow", formula(tree, i)).textContent === show(result) ? parts : [...parts, "=", number(result)];
};

// ---------------------------------------------------------------- what a frame says

const listed = texts => {
  const shown = texts.length > 8 ? [...texts.slice(0, 6), `${texts.length - 6} more`] : texts;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
};
const changes = factor => factor === 1 ? "changes just as much" : factor === 0 ? "does not change" : `changes ${show(factor)} times as much`;
/** The slope of an edge as formula and number, or the number alone where the formula is long or says no more. */
const slopeText = (node, slot, longest) => {
  const symbol = nodes[node].formulas[slot].replace(/^-/, "−"), number = show(now.slopes[node][slot]);
  return symbol === number || symbol.length > longest || symbol.includes(" if ") ? number : `${symbol} = ${number}`;
};

/** The products that add up to a gradient, in the order in which they come. */
const contributions = (i, sums) => frames.filter(f => f.kind === "pass" && f.parent === i).flatMap(({ node, slot }, k) => [
  ...(k ? ["+"] : []), (k ? bracketed : number)(sums[node]), "·", bracketed(now.slopes[node][slot]),
]);

const describe = (frame, { sums, before }) => {
  const { kind, node, slot, parent, use } = frame, loss = nodes[last].name;
  if (kind === "inputs")
    return {
      sentence: leaves.length ? `The forward pass starts from the inputs: ${listed(leaves.map(valueOf))}.` : "The forward pass starts from constants only.",
      rows: [],
      why: "Each card is a number. An arrow leads from a number to what is computed from it. Arrow keys step, space plays, a click on a card leads to where its number is complete.",
    };
  if (kind === "value") {
    const { name, text, math } = nodes[node];
    return {
      sentence: `${name} = ${text} = ${show(now.values[node])}.`,
      rows: [["Value", equation(nameOf(node), ...chain(math, node, now.values[node]))]],
      why: node === last ? `This is the result, ${loss}. The forward pass is complete.` : "",
    };
  }
  if (kind === "seed")
    return {
      sentence: `The backward pass starts: d ${loss} / d ${loss} = 1.`,
      rows: [["Gradient", equation(derivative(last, last), "=", number(1))]],
      why: `The gradient of a number says how many times as much ${loss} changes when that number changes a little. ${loss} changes exactly as much as itself: 1 times.`,
    };
  if (kind === "done")
    return {
      sentence: leaves.length ? `The backward pass is complete: ${listed(leaves.map(i => gradientOf(i, sums[i])))}.` : "The backward pass is complete.",
      rows: leaves.slice(0, 6).map(i => [nodes[i].name, equation(derivative(last, i), "=", ...contributions(i, sums), "=", number(sums[i]))]),
      why: leaves.length ? "Each gradient is a sum over the uses of the input, of upstream times slope. Rest the pointer on an input, or choose one, to see along which paths its gradient came." : "",
    };
  const from = nodes[node].name, to = nodes[parent].name, count = uses[parent];
  const slope = now.slopes[node][slot], upstream = sums[node], adds = slope * upstream;
  const product = `${show(upstream)} × ${inside(slope)} = ${show(adds)}`;
  const used = `${to} is used ${times(count)} (${use} of ${count})`;
  let sentence = `${d(parent)} gets ${product}.`;
  if (count > 1 && use === 1) sentence = `${d(parent)} gets ${product}; ${used}, so more will be added.`;
  if (use > 1) sentence = `${d(parent)} gets ${product} more, because ${used}: now ${show(sums[parent])}.`;
  const { formulas, slopeMath } = nodes[node];
  const symbol = formulas[slot].length > 30 || formulas[slot].replace(/^-/, "−") === show(slope) ? "" : ` (the slope, ${formulas[slot]})`;
  const rows = [
    ["Upstream", equation(derivative(last, node), "=", number(upstream))],
    ["Slope", equation(derivative(node, parent), ...chain(slopeMath[slot], node, slope))],
    [use > 1 ? "Adds" : "Product", equation(derivative(last, node), "·", derivative(node, parent), "=", number(upstream), "·", bracketed(slope), "=", number(adds))],
    ["Gradient", use > 1 ? equation(derivative(last, parent), "=", number(before), "+", bracketed(adds), "=", number(sums[parent]))
      : equation(derivative(last, parent), "=", number(sums[parent]), ...(count > 1 ? ["+", "…"] : []))],
  ];
  const first = `When ${to} changes a little, ${from} = ${nodes[node].text} ${changes(slope)}${symbol}.`;
  const then = ` When ${from} changes a little, ${loss} ${changes(upstream)}. Together: ${product}.`;
  return { sentence, rows, why: node === last ? first : first + then };
};

// ---------------------------------------------------------------- the picture

const picture = find(".picture"), drawing = picture.querySelector("svg"), overlay = drawing.querySelector(".overlay"), marks = drawing.querySelector(".marks");
const cards = [...drawing.querySelectorAll(".card")], edges = new Map();
for (const edge of drawing.querySelectorAll(".edge")) edges.set(edge.dataset.edge, edge);
const edgeOf = (node, slot) => edges.get(`${node}.${slot}`);

const pill = (text, x, y, kind, layer = overlay) => {
  const label = svg("text", { x: 0, y: 4.5 }, text), box = svg("rect", { rx: 9, height: 22, y: -11 });
  const group = svg("g", { class: `pill ${kind}`, transform: `translate(${x},${y})` }, box, label);
  layer.append(group);
  const width = (label.getComputedTextLength?.() || 7 * text.length) + 16;
  box.setAttribute("width", width);
  box.setAttribute("x", -width / 2);
  const { width: whole } = drawing.viewBox.baseVal, keep = Math.min(Math.max(x, width / 2 + 2), whole - width / 2 - 2);
  group.setAttribute("transform", `translate(${keep},${y})`);
  return { group, label };
};
/** Where the slope of an edge stands: halfway, but of an edge past other cards in the gap above its end. */
const labelPoint = edge => {
  const path = edge.querySelector(".wire"), end = along(path, 1).y, short = end - along(path, 0).y < 60;
  let share = short ? 0.5 : 1;
  while (share > 0.5 && end - along(path, share).y < 20) share -= 0.02;
  return along(path, share);
};
const along = (path, share) => path.getPointAtLength(path.getTotalLength() * share);
const centre = card => ({ x: Number(card.dataset.x), y: Number(card.dataset.y) });

let travelling = 0;
const travel = (tokens, length) => {
  const begin = performance.now();
  const step = time => {
    const share = Math.min(1, Math.max(0, (time - begin) / length));
    for (const { token, path, reversed, before, after } of tokens) {
      const { x, y } = along(path, reversed ? 1 - share : share);
      token.group.setAttribute("transform", `translate(${x},${y})`);
      token.label.textContent = share < 0.5 ? before : after;
    }
    if (share < 1) travelling = requestAnimationFrame(step);
    else for (const { token } of tokens) token.group.remove();
  };
  travelling = requestAnimationFrame(step);
};

const draw = (frame, state, moving) => {
  const { kind, node, parent, slot } = frame, isBackward = at >= seed;
  cancelAnimationFrame(travelling);
  overlay.replaceChildren();
  const length = stillness.matches || !moving ? 0 : 900 / speed();
  root.style.setProperty("--travel", `${length}ms`);
  for (const edge of edges.values()) edge.classList.remove("forward", "backward");
  for (const card of cards) {
    const i = Number(card.dataset.node), { constant, name, text, parents } = nodes[i];
    const known = isBackward || valueFrame[i] <= at, complete = isComplete(i, state.got);
    const value = known ? show(now.values[i]) : "–";
    const gradient = !state.got[i] ? "–" : complete ? show(state.sums[i]) : `${show(state.sums[i])} + …`;
    card.classList.toggle("waiting", !known);
    card.classList.toggle("complete", complete);
    card.classList.toggle("now-forward", kind === "value" && i === node);
    card.classList.toggle("now-backward", isBackward && i === parent);
    card.classList.toggle("upstream", kind === "pass" && i === node);
    if (!constant) {
      for (const [kind, text] of [["value", value], ["gradient", gradient]]) {
        const shown = card.querySelector(`.${kind}`);
        shown.textContent = text;
        shown.classList.toggle("long", text.length > 9);
        shown.previousElementSibling.classList.toggle("covered", text.length > 12);
      }
      card.querySelector(".gradient").classList.toggle("arrives", kind === "pass" && i === parent);
      card.querySelector(".uses").textContent = uses[i] > 1 && state.got[i] ? `${state.got[i]} of ${uses[i]} uses` : "";
    }
    const made = parents.length ? `${name} = ${text}` : constant ? `constant ${name}` : `input ${name}`;
    const slow = !state.got[i] ? "not known yet" : complete ? gradient : `${show(state.sums[i])} so far, ${state.got[i]} of ${uses[i]} uses`;
    card.setAttribute("aria-label", `${made}, value ${known ? value : "not known yet"}${constant ? "" : `, gradient ${slow}`}`);
  }
  const tokens = [];
  const send = (edge, before, after, reversed) => {
    edge.classList.add(reversed ? "backward" : "forward");
    edge.parentElement.append(edge);  // on top
    const path = edge.querySelector(".wire");
    if (length) tokens.push({ token: pill(before, 0, 0, "token"), path, reversed, before, after });
    return path;
  };
  root.style.setProperty("--token", isBackward ? "var(--backward)" : "var(--forward)");
  if (kind === "value") nodes[node].parents.forEach((p, k) => send(edgeOf(node, k), show(now.values[p]), show(now.values[p]), false));
  if (kind === "pass") {
    const { x, y } = labelPoint(edgeOf(node, slot)), slope = now.slopes[node][slot];
    pill(`slope ${slopeText(node, slot, 18)}`, x, y, "slope");
    if (frame.use > 1) {
      const { x, y } = centre(cardOf(parent)), adds = slope * state.sums[node];
      const { group } = pill(`${show(state.before)} + ${inside(adds)} = ${show(state.sums[parent])}`, x, y + 20, "sum");
      group.classList.add("arrives");
    }
    send(edgeOf(node, slot), show(state.sums[node]), show(slope * state.sums[node]), true);
  }
  if (tokens.length) travel(tokens, length);
  const shown = kind === "inputs" ? leaves.slice(0, 1) : kind === "pass" ? [node, parent] : kind === "done" ? [] : [node];
  follow(shown.map(cardOf));
};
const byNode = new Map(cards.map(card => [Number(card.dataset.node), card]));
const cardOf = i => byNode.get(i);

/** Scroll the picture, and only the picture, to what the frame is about. */
const follow = shown => {
  if (!shown.length) return;
  const box = picture.getBoundingClientRect(), rects = shown.map(card => card.getBoundingClientRect());
  const left = Math.min(...rects.map(r => r.left)) - box.left, right = Math.max(...rects.map(r => r.right)) - box.left;
  const top = Math.min(...rects.map(r => r.top)) - box.top, bottom = Math.max(...rects.map(r => r.bottom)) - box.top;
  const x = left < 0 || right > picture.clientWidth ? (left + right - picture.clientWidth) / 2 : 0;
  const y = top < 8 || bottom > picture.clientHeight - 8 ? (top + bottom - picture.clientHeight) / 2 : 0;
  if (x || y) picture.scrollBy({ left: x, top: y, behavior: stillness.matches ? "auto" : "smooth" });
};

// ---------------------------------------------------------------- controls

const slider = find(".frames"), counter = find(".counter"), playButton = find("[data-go='play']"), speedChoice = find(".speed");
const speed = () => Number(speedChoice.value);
let timer = 0;

const render = moving => {
  const frame = frames[at], state = sumsUntil(at), { sentence, rows, why } = describe(frame, state);
  find(".sentence").textContent = sentence;
  find(".why").textContent = why;
  find(".mathematics").replaceChildren(...rows.flatMap(([term, mathematics]) => [make("dt", {}, term), make("dd", {}, mathematics)]));
  const phase = at < seed ? "forward" : "backward";
  root.style.setProperty("--now", `var(--${phase})`);
  counter.textContent = `${at + 1} / ${frames.length}`;
  slider.value = at;
  slider.setAttribute("aria-valuetext", `frame ${at + 1} of ${frames.length}, ${phase} pass`);
  for (const [name, off] of [["first", at === 0], ["previous", at === 0], ["next", at === frames.length - 1], ["last", at === frames.length - 1]])
    find(`[data-go='${name}']`).setAttribute("aria-disabled", off);
  draw(frame, state, moving);
  if (leaves.length) showPaths(leaves.includes(frame.parent) ? frame.parent : leaf);
};
const go = (frame, moving = true) => {
  at = Math.min(frames.length - 1, Math.max(0, frame));
  render(moving);
};
const pause = () => {
  clearTimeout(timer);
  timer = 0;
  root.classList.remove("playing");
  playButton.setAttribute("aria-label", "Play");
};
const later = () => {
  timer = setTimeout(() => {
    go(at + 1);
    if (at === frames.length - 1) pause();
    else later();
  }, (at < seed ? 1800 : 3000) / speed());
};
const play = () => {
  if (timer) return pause();
  root.classList.add("playing");
  playButton.setAttribute("aria-label", "Pause");
  go(at === frames.length - 1 ? 0 : at + 1);
  later();
};
const actions = {
  first: () => go(0),
  previous: () => go(at - 1),
  next: () => go(at + 1),
  last: () => go(frames.length - 1),
};
for (const button of root.querySelectorAll("[data-go]"))
  button.addEventListener("click", () => {
    if (button === playButton) return play();
    pause();
    actions[button.dataset.go]();
  });
slider.max = frames.length - 1;
root.style.setProperty("--forward-frames", seed);
root.style.setProperty("--backward-frames", frames.length - seed);
slider.addEventListener("input", () => { pause(); go(Number(slider.value)); });
speedChoice.addEventListener("change", () => { if (timer) { clearTimeout(timer); later(); } });

const jump = i => {
  pause();
  if (leaves.includes(i)) choose(i);
  go(at < seed || nodes[i].constant ? valueFrame[i] : gradientFrame[i]);
};
const keys = { ArrowRight: "next", ArrowLeft: "previous", Home: "first", End: "last" };
const onKey = event => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  const target = event.target, card = target.closest?.(".card");
  if (target.matches?.("input:not(.frames), select, textarea")) return;
  if (card && root.contains(card) && (event.key === "Enter" || event.key === " ")) jump(Number(card.dataset.node));
  else if (event.key === " " && !target.matches?.("button")) play();
  else if (keys[event.key]) { pause(); actions[keys[event.key]](); }
  else return;
  event.preventDefault();
};
(root.parentElement === document.body && root.parentElement.children.length === 1 ? document : root).addEventListener("keydown", onKey);

// ---------------------------------------------------------------- paths

/** How many paths lead from a leaf to the root, and the ones with the largest products of slopes. */
const paths = from => {
  const counts = nodes.map(() => 0n), best = nodes.map(() => []);
  counts[from] = 1n;
  best[from] = [{ product: 1, node: from }];
  nodes.forEach((node, i) => {
    if (!node.parents.length) return;
    const found = [];
    node.parents.forEach((p, slot) => {
      counts[i] += counts[p];
      for (const path of best[p]) found.push({ product: path.product * now.slopes[i][slot], node: i, slot, before: path });
    });
    const size = path => Number.isNaN(path.product) ? Infinity : Math.abs(path.product);
    best[i] = found.sort((a, b) => size(b) - size(a) || 0).slice(0, MOST_PATHS);
  });
  return { count: counts[last], largest: best[last] };
};
const stepsOf = path => path.before ? [...stepsOf(path.before), path] : [path];

/** Show edges, given as node and operand, with their slopes; none to end it. */
const highlight = (chosen, from) => {
  drawing.classList.toggle("shows-paths", chosen.length > 0);
  marks.replaceChildren();
  const onEdges = new Set(), onCards = new Set(chosen.length ? [from] : []);
  for (const { node, slot } of chosen) {
    const edge = edgeOf(node, slot), { x, y } = labelPoint(edge);
    onEdges.add(edge);
    onCards.add(node).add(nodes[node].parents[slot]);
    pill(slopeText(node, slot, 12), x, y, "path", marks);
  }
  for (const edge of edges.values()) edge.classList.toggle("on-path", onEdges.has(edge));
  for (const card of cards) card.classList.toggle("on-path", onCards.has(Number(card.dataset.node)));
};
const allEdgesFrom = from => {  // every edge on some path, also when the paths are too many to list
  const below = nodes.map((_, i) => i === from), above = nodes.map((_, i) => i === last);
  nodes.forEach((node, i) => { if (node.parents.some(p => below[p])) below[i] = true; });
  for (let i = nodes.length - 1; i >= 0; i--) if (above[i]) nodes[i].parents.forEach(p => { above[p] = true; });
  return nodes.flatMap((node, i) => node.parents.flatMap((p, slot) => below[p] && above[i] ? [{ node: i, slot }] : []));
};

const showPaths = from => {
  const { count, largest } = paths(from), panel = find(".paths"), total = Number(count) === largest.length;
  panel.querySelector("h3").textContent = `Paths from ${nodes[from].name} to ${nodes[last].name}`;
  panel.querySelector("p").textContent = `Along a path the slopes multiply; the products of all paths add up to the gradient. ${count === 1n ? "There is 1 path." : `There are ${count} paths${total ? "." : `; the ${largest.length} largest:`}`}`;
  panel.querySelector("ol").replaceChildren(...largest.map(path => {
    const steps = stepsOf(path), slopes = steps.slice(1).map(({ node, slot }) => now.slopes[node][slot]);
    const product = slopes.length > 1 ? `${slopes.map((s, k) => k ? inside(s) : show(s)).join(" × ")} = ${show(path.product)}` : show(path.product);
    const item = make("li", {}, make("span", {}, product), make("span", { class: "quiet" }, steps.map(({ node }) => nodes[node].name).join(" → ")));
    item.addEventListener("pointerenter", () => highlight(steps.slice(1), from));
    item.addEventListener("pointerleave", () => highlight([], from));
    return item;
  }));
  const gradient = show(now.gradients[from]), sum = largest.map((p, k) => k ? inside(p.product) : show(p.product)).join(" + ");
  panel.querySelector(".total").textContent = total && largest.length > 1 ? `${d(from)} = ${sum} = ${gradient}` : `${d(from)} = ${gradient}${total ? "" : ", the sum over all of them"}`;
};
for (const card of cards) {
  const i = Number(card.dataset.node);
  const enter = () => { if (leaves.includes(i)) { highlight(allEdgesFrom(i), i); showPaths(i); } };
  const leave = () => { if (leaves.includes(i)) { highlight([], i); showPaths(leaf); } };
  card.addEventListener("pointerenter", enter);
  card.addEventListener("pointerleave", leave);
  card.addEventListener("focus", () => { if (card.matches(":focus-visible")) enter(); });
  card.addEventListener("blur", leave);
  card.addEventListener("click", () => jump(i));
}

// ---------------------------------------------------------------- what if

const choice = find(".choice"), typed = find(".typed"), drag = find(".drag"), curve = find(".curve");
const reach = i => Math.max(2, 2 * Math.abs(start.get(i)));
const outcome = x => forward(new Map(given).set(leaf, x)).values[last];

const showWhatIf = () => {
  const x = given.get(leaf), { name } = nodes[leaf];
  const changed = leaves.filter(i => !Object.is(given.get(i), start.get(i)));
  find(".reset").disabled = !changed.length;
  find(".outcome").textContent = `${valueOf(last)}, ${gradientOf(leaf, now.gradients[leaf])}${changed.length ? ` (recorded: ${listed(changed.map(i => `${nodes[i].name} = ${show(start.get(i))}`))})` : ""}`;
  if (refusal) return;
  const f = now.values[last], slope = now.gradients[leaf];
  find(".quotients caption").textContent = `A step h along ${name}, ever smaller: the quotient comes to the gradient ${show(slope)}.`;
  find(".quotients thead").replaceChildren(make("tr", {}, ...["h", `(f(${name} + h) − f(${name})) / h`, "error"].map(text => make("th", { scope: "col" }, text))));
  find(".quotients tbody").replaceChildren(...STEPS.map(h => {
    const quotient = (outcome(x + h) - f) / h;
    return make("tr", {}, ...[show(h), show(quotient), show(Math.abs(quotient - slope))].map(text => make("td", {}, text)));
  }));
  drawCurve(x, f, slope);
};

const drawCurve = (x, f, slope) => {
  const { width, height } = curve.viewBox.baseVal, floor = height - 22, half = 1.5, points = [];
  for (let k = 0; k <= 120; k++) { const t = x + half * (k / 60 - 1); points.push([t, outcome(t)]); }
  const heights = points.map(([, y]) => y).filter(Number.isFinite).sort((a, b) => a - b);
  let low = heights[0] ?? -1, high = heights.at(-1) ?? 1;
  if (Number.isFinite(f) && Number.isFinite(slope)) {  // poles must not press the rest flat
    const span = Math.max(4 * Math.abs(slope), Math.abs(f) * 1e-6, 1e-300, heights[90] - heights[30] || 0);
    [low, high] = [Math.max(low, f - span), Math.min(high, f + span)];
  }
  const margin = 0.12 * (high - low) || 1;
  [low, high] = [low - margin, high + margin];
  const place = ([t, y]) => `${((t - x + half) / (2 * half) * width).toFixed(1)},${((high - y) / (high - low) * floor).toFixed(1)}`;
  const near = y => y >= low - 3 * (high - low) && y <= high + 3 * (high - low);
  let path = "", pen = "M";
  for (const point of points) { if (near(point[1])) { path += pen + place(point); pen = "L"; } else pen = "M"; }
  const line = (kind, rise) => {
    if (!Number.isFinite(rise) || !Number.isFinite(f)) return [];
    return [svg("path", { class: kind, d: `M${place([x - half, f - half * rise])}L${place([x + half, f + half * rise])}` })];
  };
  const secants = [1, 0.3].flatMap(h => line("secant", (outcome(x + h) - f) / h));
  const dot = Number.isFinite(f) ? [svg("circle", { cx: width / 2, cy: place([x, f]).split(",")[1], r: 5 })] : [];
  const labels = [x - half, x, x + half].map((t, k) => svg("text", { x: [4, width / 2, width - 4][k], y: height - 5, "text-anchor": ["start", "middle", "end"][k] }, k === 1 ? `${nodes[leaf].name} = ${show(t)}` : show(t)));
  curve.replaceChildren(svg("path", { class: "function", d: path }), ...secants, ...line("tangent", slope), ...dot, ...labels);
  curve.setAttribute("aria-label", `${nodes[last].name} as a curve over ${nodes[leaf].name}, and the straight line through the point with the slope ${show(slope)}, the gradient`);
};

const refresh = () => {
  now = evaluate(given);
  render(false);
  showWhatIf();
};
const set = (i, x) => { given.set(i, x); refresh(); };
const showDrag = () => { drag.value = 500 + 500 * (given.get(leaf) - start.get(leaf)) / reach(leaf); };
const showLeaf = () => {
  typed.value = Number.isFinite(given.get(leaf)) ? given.get(leaf) : "";
  showDrag();
};
const choose = i => {
  leaf = i;
  choice.value = i;
  showLeaf();
  showPaths(leaf);
  showWhatIf();
};
const tidy = x => Number(x.toPrecision(12));

if (leaves.length) {
  choice.append(...leaves.map(i => make("option", { value: i }, nodes[i].name)));
  choice.addEventListener("change", () => choose(Number(choice.value)));
  typed.addEventListener("input", () => {
    if (typed.value === "" || !Number.isFinite(typed.valueAsNumber)) return;
    set(leaf, typed.valueAsNumber);
    showDrag();
  });
  drag.addEventListener("input", () => {
    set(leaf, tidy(start.get(leaf) + reach(leaf) * (drag.value / 500 - 1)));
    typed.value = given.get(leaf);
  });
  find(".reset").addEventListener("click", () => { given = new Map(start); showLeaf(); refresh(); });
  find(".legend").append(...[["function", nodes[last].name], ["tangent", "straight line with the gradient as its slope"], ["secant", "steps h = 1 and h = 0.3"]].map(([kind, text]) => make("span", { class: kind }, text)));
  if (refusal) {
    find(".refusal").hidden = false;
    find(".refusal").textContent = refusal;
    for (const part of root.querySelectorAll(".what-if :is(.settings, .drag, .curve, .legend, .scroll)")) part.hidden = true;
    curve.remove();
  }
} else find(".panels").hidden = true;

for (const name of drawing.querySelectorAll(".name")) {  // fonts differ in width
  const room = Number(name.dataset.room);
  if (name.getComputedTextLength?.() > room) { name.setAttribute("textLength", room); name.setAttribute("lengthAdjust", "spacingAndGlyphs"); }
}
if (leaves.length) choose(leaf);
render(false);
root.player = Object.freeze({ evaluate: numbers => evaluate(new Map(leaves.map((i, k) => [i, numbers[k]]))) });
