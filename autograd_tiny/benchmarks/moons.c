/* The step on the moons: plain loops over the examples. A row holds the weights of a neuron, then its bias. */

enum { POINTS = 100, INPUTS = 2, WIDTH = 16 };

struct network {
    double first[WIDTH][INPUTS + 1];
    double second[WIDTH][WIDTH + 1];
    double last[WIDTH + 1];
};

/* Train once and return the loss. */
double moons_step(struct network *net, const double points[POINTS][INPUTS], const double labels[POINTS], double lr,
                  double penalty)
{
    struct network slopes = {0};
    double loss = 0.0;

    for (int n = 0; n < POINTS; n++) {
        const double *x = points[n];
        double h1[WIDTH], h2[WIDTH], d1[WIDTH] = {0};

        for (int i = 0; i < WIDTH; i++) {
            double z = net->first[i][INPUTS];
            for (int j = 0; j < INPUTS; j++)
                z += net->first[i][j] * x[j];
            h1[i] = z > 0.0 ? z : 0.0;
        }
        for (int i = 0; i < WIDTH; i++) {
            double z = net->second[i][WIDTH];
            for (int j = 0; j < WIDTH; j++)
                z += net->second[i][j] * h1[j];
            h2[i] = z > 0.0 ? z : 0.0;
        }
        double score = net->last[WIDTH];
        for (int i = 0; i < WIDTH; i++)
            score += net->last[i] * h2[i];

        double miss = 1.0 - labels[n] * score;
        /* no short cut for the points that are right already: every engine here does the whole work */
        double delta = miss > 0.0 ? -labels[n] / POINTS : 0.0;
        loss += miss > 0.0 ? miss / POINTS : 0.0;

        slopes.last[WIDTH] += delta;
        for (int i = 0; i < WIDTH; i++) {
            slopes.last[i] += delta * h2[i];
            double d2 = h2[i] > 0.0 ? delta * net->last[i] : 0.0;
            slopes.second[i][WIDTH] += d2;
            for (int j = 0; j < WIDTH; j++) {
                slopes.second[i][j] += d2 * h1[j];
                d1[j] += d2 * net->second[i][j];
            }
        }
        for (int i = 0; i < WIDTH; i++) {
            double d = h1[i] > 0.0 ? d1[i] : 0.0;
            slopes.first[i][INPUTS] += d;
            for (int j = 0; j < INPUTS; j++)
                slopes.first[i][j] += d * x[j];
        }
    }

    double *parameters = (double *)net;
    const double *gradients = (const double *)&slopes;
    for (unsigned k = 0; k < sizeof *net / sizeof(double); k++) {
        loss += penalty * parameters[k] * parameters[k];
        parameters[k] -= lr * (gradients[k] + 2.0 * penalty * parameters[k]);
    }
    return loss;
}
