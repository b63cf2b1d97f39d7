/* The step of the example GPT on one name, Adam included: plain loops, a row per neuron, token or position. */

#include <math.h>
#include <string.h>

enum { TOKENS = 27, POSITIONS = 16, WIDTH = 16, HEADS = 4, SIZE = WIDTH / HEADS, HIDDEN = 4 * WIDTH };

struct model {
    double token[TOKENS][WIDTH], position[POSITIONS][WIDTH];
    double query[WIDTH][WIDTH], key[WIDTH][WIDTH], value[WIDTH][WIDTH], out[WIDTH][WIDTH];
    double up[HIDDEN][WIDTH], down[WIDTH][HIDDEN], head[TOKENS][WIDTH];
};

enum { PARAMETERS = sizeof(struct model) / sizeof(double) };

/* What the backward pass needs of each position. */
struct position {
    double start[WIDTH], normed[WIDTH], query[WIDTH], key[WIDTH], value[WIDTH], mixed[WIDTH], middle[WIDTH];
    double normed_middle[WIDTH], hidden[HIDDEN], end[WIDTH], probabilities[TOKENS];
    double weights[HEADS][POSITIONS];
    double scale_start, scale, scale_middle; /* of the norms */
};

static inline void times(int rows, int columns, double matrix[rows][columns], const double *x, double *y)
{
    for (int i = 0; i < rows; i++) {
        double sum = 0.0;
        for (int j = 0; j < columns; j++)
            sum += matrix[i][j] * x[j];
        y[i] = sum;
    }
}

/* Add the slopes of the matrix, and those of x. */
static inline void times_back(int rows, int columns, double matrix[rows][columns], const double *x, const double *dy,
                              double slopes[rows][columns], double *dx)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) {
            slopes[i][j] += dy[i] * x[j];
            dx[j] += dy[i] * matrix[i][j];
        }
}

static inline double norm(const double *x, double eps, double *y)
{
    double squares = 0.0;
    for (int i = 0; i < WIDTH; i++)
        squares += x[i] * x[i];
    double scale = 1.0 / sqrt(squares / WIDTH + eps);
    for (int i = 0; i < WIDTH; i++)
        y[i] = x[i] * scale;
    return scale;
}

static inline void norm_back(const double *dy, const double *y, double scale, double *dx)
{
    double along = 0.0;
    for (int i = 0; i < WIDTH; i++)
        along += dy[i] * y[i];
    for (int i = 0; i < WIDTH; i++)
        dx[i] += (dy[i] - y[i] * along / WIDTH) * scale;
}

/* Turn logits into probabilities and return the logarithm of the sum of their powers. */
static inline double softmax(int count, double *x)
{
    double top = x[0], sum = 0.0;
    for (int i = 1; i < count; i++)
        top = x[i] > top ? x[i] : top;
    for (int i = 0; i < count; i++)
        sum += x[i] = exp(x[i] - top);
    for (int i = 0; i < count; i++)
        x[i] /= sum;
    return top + log(sum);
}

static double forward(struct model *m, int length, const int *tokens, double eps, struct position *at)
{
    double loss = 0.0;
    for (int t = 0; t < length; t++) {
        struct position *p = &at[t];
        double embedded[WIDTH];
        for (int i = 0; i < WIDTH; i++)
            embedded[i] = m->token[tokens[t]][i] + m->position[t][i];
        p->scale_start = norm(embedded, eps, p->start);
        p->scale = norm(p->start, eps, p->normed);
        times(WIDTH, WIDTH, m->query, p->normed, p->query);
        times(WIDTH, WIDTH, m->key, p->normed, p->key);
        times(WIDTH, WIDTH, m->value, p->normed, p->value);
        memset(p->mixed, 0, sizeof p->mixed);
        for (int h = 0; h < HEADS; h++) {
            int first = h * SIZE;
            for (int s = 0; s <= t; s++) {
                double score = 0.0;
                for (int i = first; i < first + SIZE; i++)
                    score += p->query[i] * at[s].key[i];
                p->weights[h][s] = score / sqrt(SIZE);
            }
            softmax(t + 1, p->weights[h]);
            for (int s = 0; s <= t; s++)
                for (int i = first; i < first + SIZE; i++)
                    p->mixed[i] += p->weights[h][s] * at[s].value[i];
        }
        times(WIDTH, WIDTH, m->out, p->mixed, p->middle);
        for (int i = 0; i < WIDTH; i++)
            p->middle[i] += p->start[i];
        p->scale_middle = norm(p->middle, eps, p->normed_middle);
        times(HIDDEN, WIDTH, m->up, p->normed_middle, p->hidden);
        for (int i = 0; i < HIDDEN; i++)
            p->hidden[i] = p->hidden[i] > 0.0 ? p->hidden[i] : 0.0;
        times(WIDTH, HIDDEN, m->down, p->hidden, p->end);
        for (int i = 0; i < WIDTH; i++)
            p->end[i] += p->middle[i];
        times(TOKENS, WIDTH, m->head, p->end, p->probabilities);
        double logit = p->probabilities[tokens[t + 1]];
        loss += softmax(TOKENS, p->probabilities) - logit;
    }
    return loss / length;
}

static void backward(struct model *m, int length, const int *tokens, struct position *at, struct model *g)
{
    double dkey[POSITIONS][WIDTH] = {0}, dvalue[POSITIONS][WIDTH] = {0};
    for (int t = length - 1; t >= 0; t--) { /* what later positions want of this one's key and value is known then */
        struct position *p = &at[t];
        double dlogits[TOKENS], dmiddle[WIDTH] = {0}, dhidden[HIDDEN] = {0}, dnormed_middle[WIDTH] = {0};
        double dmixed[WIDTH] = {0}, dquery[WIDTH] = {0}, dnormed[WIDTH] = {0}, dstart[WIDTH], dembedded[WIDTH] = {0};

        for (int i = 0; i < TOKENS; i++)
            dlogits[i] = (p->probabilities[i] - (i == tokens[t + 1])) / length;
        times_back(TOKENS, WIDTH, m->head, p->end, dlogits, g->head, dmiddle);
        times_back(WIDTH, HIDDEN, m->down, p->hidden, dmiddle, g->down, dhidden);
        for (int i = 0; i < HIDDEN; i++)
            dhidden[i] = p->hidden[i] > 0.0 ? dhidden[i] : 0.0;
        times_back(HIDDEN, WIDTH, m->up, p->normed_middle, dhidden, g->up, dnormed_middle);
        norm_back(dnormed_middle, p->normed_middle, p->scale_middle, dmiddle);

        memcpy(dstart, dmiddle, sizeof dstart);
        times_back(WIDTH, WIDTH, m->out, p->mixed, dmiddle, g->out, dmixed);
        for (int h = 0; h < HEADS; h++) {
            int first = h * SIZE;
            double dweights[POSITIONS], mean = 0.0;
            for (int s = 0; s <= t; s++) {
                double sum = 0.0;
                for (int i = first; i < first + SIZE; i++) {
                    sum += dmixed[i] * at[s].value[i];
                    dvalue[s][i] += dmixed[i] * p->weights[h][s];
                }
                dweights[s] = sum;
                mean += sum * p->weights[h][s];
            }
            for (int s = 0; s <= t; s++) {
                double dscore = p->weights[h][s] * (dweights[s] - mean) / sqrt(SIZE);
                for (int i = first; i < first + SIZE; i++) {
                    dquery[i] += dscore * at[s].key[i];
                    dkey[s][i] += dscore * p->query[i];
                }
            }
        }
        times_back(WIDTH, WIDTH, m->query, p->normed, dquery, g->query, dnormed);
        times_back(WIDTH, WIDTH, m->key, p->normed, dkey[t], g->key, dnormed);
        times_back(WIDTH, WIDTH, m->value, p->normed, dvalue[t], g->value, dnormed);
        norm_back(dnormed, p->normed, p->scale, dstart);
        norm_back(dstart, p->start, p->scale_start, dembedded);
        for (int i = 0; i < WIDTH; i++) {
            g->token[tokens[t]][i] += dembedded[i];
            g->position[t][i] += dembedded[i];
        }
    }
}

/* Train once on length + 1 tokens and return the loss; steps counts from 1, moments begin as zeros. */
double gpt_step(struct model *m, double first[PARAMETERS], double second[PARAMETERS], int steps, int length,
                const int *tokens, double norm_eps, double lr, double beta1, double beta2, double eps)
{
    struct position at[POSITIONS];
    struct model slopes = {0};
    double loss = forward(m, length, tokens, norm_eps, at);
    backward(m, length, tokens, at, &slopes);

    double *parameters = (double *)m;
    const double *gradients = (const double *)&slopes;
    double scale1 = 1.0 / (1.0 - pow(beta1, steps)), scale2 = 1.0 / (1.0 - pow(beta2, steps));
    for (int k = 0; k < PARAMETERS; k++) {
        first[k] = beta1 * first[k] + (1.0 - beta1) * gradients[k];
        second[k] = beta2 * second[k] + (1.0 - beta2) * gradients[k] * gradients[k];
        parameters[k] -= lr * first[k] * scale1 / (sqrt(second[k] * scale2) + eps);
    }
    return loss;
}
